"""Settings of generate: the answers of one or two systems to a set of prompts."""

from __future__ import annotations

from typing import ClassVar

from toolkit.options.generation import EngineOptions, GenerateOptions
from toolkit.settings.base import Settings


class GenerateSettings(GenerateOptions, Settings):
    """Merge the adapter, batch-generate, and lose nothing."""

    required: ClassVar[tuple[str, ...]] = ("data",)
    from_pipeline: ClassVar[tuple[str, ...]] = (
        "model",
        "revision",
        "trust_remote_code",
        "adapter",
        "systems",
        "data",
        "prompt_format",
    )

    @property
    def trained_or_asked_model(self) -> str:
        return self.model

    @property
    def engine(self) -> EngineOptions:
        return self.generator
