"""What all backends have in common: their options, what they take, and what they hand back for a finished request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from toolkit.generation.prompts import Request

Backend = Literal["vllm", "transformers", "server"]
# Called between tokens with the number generated so far; may raise to stop.
Tick = Callable[[int], None]


@dataclass(frozen=True)
class EngineOptions:
    """The engine and how it runs; `dtype` is a torch dtype's name.

    The transformers backend reads `dtype`, `max_num_seqs` (its batch size), `data_parallel_size` and
    `trust_remote_code`; the server backend `max_num_seqs` (requests in flight), `server` and `server_model`.
    """

    backend: Backend
    dtype: str
    max_num_seqs: int = 64
    data_parallel_size: int = 1
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    distributed_executor_backend: str | None = None
    gpu_memory_utilization: float = 0.9
    cpu_kv_cache_gib: float = 1.0
    enforce_eager: bool = False
    trust_remote_code: bool = False
    server: str | None = None
    server_model: str | None = None
    max_lora_rank: int | None = None

    def with_lora_rank(self, rank: int | None) -> EngineOptions:
        """The same with buffers for unmerged adapters up to this rank; None serves none."""
        return replace(self, max_lora_rank=rank)


@dataclass(frozen=True)
class Finished:
    """Generated token ids of a request, the stop token included; finish_reason is `stop` or `length`.

    A chat server hands back `text` and its own counts in place of token ids.
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
