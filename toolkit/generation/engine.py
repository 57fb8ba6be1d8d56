"""What all backends have in common: what they load, what they accept, and what they return for a finished request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.generation.prompts import Request

# Called between tokens with the number generated so far; may raise to stop.
Tick = Callable[[int], None]
# Called with an answer that is being written: its token ids so far, or its text where a chat server writes it.
Watch = Callable[[Request, list[int] | str], None]


@dataclass(frozen=True)
class EngineModel:
    """What an engine loads: a model's folder, and `max_lora_rank` of adapters that it applies itself (None: none).

    `adapter` is the folder of that adapter, for an engine that loads it at the start.
    """

    folder: Path
    trust_remote_code: bool
    max_lora_rank: int | None = None
    adapter: str | None = None


@dataclass(frozen=True)
class Finished:
    """Generated token ids of a request, the stop token included; finish_reason is `stop` or `length`.

    A chat server returns `text` and its own counts in place of token ids.
    """

    request: Request
    token_ids: list[int]
    finish_reason: str
    text: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def generated(self) -> int:
        """Tokens generated, by the server's count where there are no ids."""
        return len(self.token_ids) if self.output_tokens is None else self.output_tokens


# Answers all requests, in any order, each as it ends.
Generate = Callable[[list[Request], Tick], Iterator[Finished]]


@dataclass(frozen=True)
class Engine:
    """What answers: one engine, or several side by side. `checked`: of each of them the greedy answers to the check
    requests that it was opened with, in their order.
    """

    generate: Generate
    checked: list[list[list[int]]]
