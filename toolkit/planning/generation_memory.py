"""How much memory an engine takes, item by item, from the model's config alone: no torch, no weights.

Items on a GPU are those that vLLM counts within `gpu_memory_utilization` (vllm/v1/worker/gpu_worker.py): weights, the
peak of a pass over as many tokens as it batches, graphs, the context; the key-value cache gets the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolkit.options.generation import EngineOptions, ServedWeights
from toolkit.planning.training_memory import FRAMEWORK_GIB
from toolkit.planning.training_shape import GIB, ModelShape, read_shape

# Ranks of unmerged adapters that vLLM makes buffers for (vllm.config.lora.MaxLoRARanks of vLLM 0.32 and 0.33).
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
# Tokens of a pass as vLLM's own LLM class plans them (EngineArgs.get_batch_defaults): more on cards with this memory,
# but for two kinds that are slower for it.
BATCHED_TOKENS = 8192
BATCHED_TOKENS_LARGE = 16384
LARGE_CARD = 70 * GIB
NOT_FASTER = ("A100", "GB10")
# Graphs of the usual batch sizes; vLLM captures them after the cache is planned and counts them against it.
GRAPH_BYTES = GIB // 2
# Per request in flight and word of the vocabulary: scores, probabilities and the sort of the sampler.
SAMPLER_BYTES = 20
# An adapter's matrices in the engine's buffers, rank 64 on all linear layers of a 7B model.
ADAPTER_BYTES = GIB // 3
# Libraries and activations of one engine process.
CPU_PROCESS_BYTES = GIB // 2


@dataclass(frozen=True)
class ServedModel:
    """What decides an engine's memory: elements of the linear layers and of the rest, and the shape of a pass."""

    linear: int
    rest: int
    hidden: int
    intermediate: int
    vocabulary: int
    cache_elements: int  # of the key-value cache, a token


def read_served(config: dict[str, Any] | None, elements: int | None = None) -> ServedModel | None:
    """A model from its config.json; `elements`: of all weights, for families whose layers are not counted here. None
    where neither says enough.
    """
    text = (config or {}).get("text_config") or config or {}
    layers, heads, hidden = (text.get(name) for name in ("num_hidden_layers", "num_attention_heads", "hidden_size"))
    if config is None or not layers or not heads or not hidden:
        return None
    shape = read_shape(config)
    vocabulary = int(text.get("vocab_size") or 0)
    tied = bool(shape.tied if shape else text.get("tie_word_embeddings", False))
    ends = vocabulary * int(hidden) * (1 if tied else 2)
    if elements is None:
        if shape is None:
            return None
        elements = _linear(shape) + ends + (shape.layers * shape.norms + 1) * shape.hidden
    head = int(text.get("head_dim") or hidden // heads)
    return ServedModel(
        linear=_linear(shape) if shape else max(0, elements - ends),
        rest=elements - _linear(shape) if shape else min(elements, ends),
        hidden=int(hidden),
        intermediate=int(text.get("intermediate_size") or 4 * hidden),
        vocabulary=vocabulary,
        cache_elements=int(layers) * 2 * int(text.get("num_key_value_heads") or heads) * head,
    )


def weight_bytes(model: ServedModel, weights: ServedWeights, dtype: str) -> int:
    """Bytes of the weights in an engine. In NF4 half a byte an element, and the scale of each 64 as a float: the loader
    undoes the second quantisation.
    """
    precision = DTYPE_BYTES[dtype]
    linear = {"none": model.linear * precision, "nf4": model.linear // 2 + model.linear // 16, "fp8": model.linear}
    return linear[weights] + model.rest * precision


@dataclass(frozen=True)
class EngineMemory:
    """Bytes of one engine on each of its GPUs (or in its process on a CPU), and what is left for the cache.

    `token` is the cache of one token, `longest` the tokens of the run's longest request.
    """

    weights: int
    rest: int
    cache: float
    token: int
    longest: int

    @property
    def requests(self) -> int:
        """How many of the longest requests the cache holds at once."""
        return max(0, int(self.cache // max(1, self.token * self.longest)))

    def __str__(self) -> str:
        left = max(0.0, self.cache)
        return (
            f"{self.weights / GIB:.1f} GiB of weights, {self.rest / GIB:.1f} GiB for a pass and graphs,"
            f" {left / GIB:.1f} GiB of cache for {self.requests} requests of {self.longest} tokens at once"
        )


def batched_tokens(card: str, size: float) -> int:
    """Tokens that vLLM computes at once on a card of this name and of `size` bytes."""
    large = size >= LARGE_CARD and not any(kind in card for kind in NOT_FASTER)
    return BATCHED_TOKENS_LARGE if large else BATCHED_TOKENS


def gpu_memory(
    model: ServedModel, options: EngineOptions, dtype: str, batched: int, usable: float, longest: int
) -> EngineMemory:
    """An engine's memory on each of its GPUs, of which it may take `usable` bytes; `batched`: tokens of a pass in
    vLLM.
    """
    share, precision = options.gpus_each, DTYPE_BYTES[dtype]
    held = weight_bytes(model, options.weights, dtype) // share
    if options.backend == "vllm":
        tokens = batched
        rest = 0 if options.enforce_eager else GRAPH_BYTES
    else:
        tokens, rest = options.max_num_seqs * longest, 0
    rest += tokens * (3 * model.intermediate // options.tensor_parallel_size + 4 * model.hidden) * precision
    rest += options.max_num_seqs * model.vocabulary * SAMPLER_BYTES
    if options.weights == "nf4":  # one matrix dequantised, and the adapter beside the base
        rest += model.hidden * model.intermediate * precision + ADAPTER_BYTES
    rest += round(FRAMEWORK_GIB["cuda"] * GIB)
    return EngineMemory(held, rest, usable - held - rest, model.cache_elements * precision // share, longest)


def cpu_memory(model: ServedModel, options: EngineOptions, dtype: str, longest: int) -> EngineMemory:
    """An engine's memory on a CPU, where the cache is as large as it is told to be."""
    token = model.cache_elements * DTYPE_BYTES[dtype]
    told = options.cpu_kv_cache_gib * GIB
    cache = told if options.backend == "vllm" else float(token * longest * options.max_num_seqs)
    return EngineMemory(weight_bytes(model, options.weights, dtype), CPU_PROCESS_BYTES, cache, token, longest)


def _linear(shape: ModelShape) -> int:
    return shape.layers * sum(inputs * outputs for inputs, outputs in shape.linears.values())
