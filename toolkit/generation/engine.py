"""What the two backends have in common: their options and what they hand back for a finished request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from toolkit.generation.prompts import Request


@dataclass(frozen=True)
class EngineOptions:
    """The engine and how it runs; `dtype` is a torch dtype's name.

    The transformers backend reads `dtype`, `max_num_seqs` (its batch size) and `trust_remote_code` only.
    """

    backend: Literal["vllm", "transformers"]
    dtype: str
    max_num_seqs: int = 64
    tensor_parallel_size: int = 1
    gpu_memory_utilization: float = 0.9
    cpu_kv_cache_gib: float = 1.0
    enforce_eager: bool = False
    trust_remote_code: bool = False


@dataclass(frozen=True)
class Finished:
    """Generated token ids of a request, the stop token included; finish_reason is `stop` or `length`."""

    request: Request
    token_ids: list[int]
    finish_reason: str
