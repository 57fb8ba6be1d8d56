"""Settings of serve: a base model or a tuned one behind OpenAI's API."""

from __future__ import annotations

from typing import ClassVar

from toolkit.options.generation import EngineOptions
from toolkit.options.serving import ServeOptions
from toolkit.settings.base import Settings


class ServeSettings(ServeOptions, Settings):
    """A model behind OpenAI's API until it is stopped."""

    changeable: ClassVar[tuple[str, ...] | None] = None  # nothing of an earlier attempt is left to fit

    @property
    def trained_or_asked_model(self) -> str:
        return self.model

    @property
    def engine(self) -> EngineOptions:
        return self.generator
