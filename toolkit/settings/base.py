"""What all recipe settings share: which options a lone run must be given, and which a pipeline fills in."""

from __future__ import annotations

from typing import ClassVar

from toolkit.options.base import Options


class Settings(Options):
    """Base of every recipe's settings."""

    required: ClassVar[tuple[str, ...]] = ()  # options that a run of this recipe alone must be given
    from_pipeline: ClassVar[tuple[str, ...]] = ()  # options that the pipeline fills from an earlier stage

    @property
    def trained_or_asked_model(self) -> str | None:
        """The language model that the recipe trains or answers with; None for one that does neither."""
        return None
