"""Options of a conversation with a run's model: the systems that are loaded together, or the server that answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from toolkit.options.generation import SamplingOptions, ServerOptions, TunedOptions
from toolkit.options.shared import PromptOptions

AskedSystem = Literal["baseline", "tuned", "server"]


class AskOptions(SamplingOptions, PromptOptions, TunedOptions):
    """What answers, how its prompt is written and how its tokens are drawn, where a question does not say otherwise."""

    at: ServerOptions = Field(
        default_factory=ServerOptions, description="The server that answers in place of a model here."
    )

    @property
    def systems(self) -> tuple[AskedSystem, ...]:
        """What can be asked, in the order in which it is shown."""
        if self.at.server:
            return ("server",)
        return ("baseline", "tuned") if self.adapter else ("baseline",)
