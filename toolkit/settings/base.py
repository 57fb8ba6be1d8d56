"""What all recipe settings share: the options that a lone run must be given, those that a pipeline fills in, and what a
plan asks of every recipe.
"""

from __future__ import annotations

from typing import ClassVar

from toolkit.options.base import Options
from toolkit.options.generation import EngineOptions
from toolkit.options.training import SftOptions


class Settings(Options):
    """Base of every recipe's settings."""

    required: ClassVar[tuple[str, ...]] = ()  # options that a run of this recipe alone must be given
    from_pipeline: ClassVar[tuple[str, ...]] = ()  # options that the pipeline fills from an earlier stage
    # Options that may change when a run is resumed; None: all of them, for the run itself sees what they touch.
    changeable: ClassVar[tuple[str, ...] | None] = ()

    @property
    def trained_or_asked_model(self) -> str | None:
        """The language model that the recipe trains or answers with; None for one that does neither."""
        return None

    @property
    def loaded_models(self) -> tuple[str, ...]:
        """Every model that the recipe loads, as the user names it."""
        return (self.trained_or_asked_model,) if self.trained_or_asked_model else ()

    @property
    def training(self) -> SftOptions | None:
        """The training that the recipe does itself."""
        return None

    @property
    def engine(self) -> EngineOptions | None:
        """The engine that the recipe generates with, perhaps by an interpreter of its own."""
        return None

    def stage_settings(self) -> dict[str, Settings]:
        """What is run, by its section of these settings: the recipe itself, or the stages of a pipeline."""
        return {"": self}
