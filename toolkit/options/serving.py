"""Options of serve: what is served, how it answers where a request does not say, and where it listens."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from toolkit.options.generation import AnswerOptions, GeneratorOptions, TunedOptions
from toolkit.options.shared import PromptOptions

LOOPBACK = ("127.0.0.1", "localhost", "::1")
KEY_VARIABLE = "VLLM_API_KEY"  # vLLM's own name for it


class ServeOptions(GeneratorOptions, AnswerOptions, PromptOptions, TunedOptions):
    """One model behind OpenAI's API; the answer options are the server's defaults."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 lets other machines in.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    require_key: bool = Field(
        False,
        description=(
            f"Answer only requests with the key that the environment variable {KEY_VARIABLE} holds when the server"
            " starts; the key is written nowhere."
        ),
    )

    @property
    def served_name(self) -> Literal["tuned", "baseline"]:
        """The model's name in the API."""
        return "tuned" if self.adapter else "baseline"

    @property
    def url(self) -> str:
        """Where a program on this machine finds the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @model_validator(mode="after")
    def _engine_is_one_here(self) -> Self:
        if self.generator.server:
            raise ValueError("generator.server names a server that is up, and serve starts one; leave it out")
        if self.generator.data_parallel_size != 1:
            raise ValueError("serve starts one engine; leave generator.data_parallel_size at 1")
        return self
