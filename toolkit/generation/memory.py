"""Whether weights and key-value cache fit, said with the numbers before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import psutil

from toolkit.errors import PreflightError
from toolkit.generation.adapter import MergeMode
from toolkit.generation.nf4 import PIECE_ELEMENTS
from toolkit.generation.prompts import Request
from toolkit.generation.tensor_stream import FLOATS, Entry, read_header
from toolkit.model_files import weight_files
from toolkit.options.generation import EngineOptions
from toolkit.planning.generation_memory import CPU_PROCESS_BYTES, DTYPE_BYTES
from toolkit.planning.training_shape import GIB
from toolkit.records import read_json

# A merge's libraries. Of its largest matrix it holds one in float32, and three in the stored type on their way to the
# disk; where they are rounded to NF4, three results beside them.
MERGE_PROCESS_BYTES: dict[MergeMode, int] = {"base16": GIB // 4, "dequantised": GIB // 2}
MERGE_COPIES: dict[MergeMode, int] = {"base16": 3, "dequantised": 6}
# Rounding a matrix to NF4: half a byte an element for the codes, a float for 64 of them; and what the quantiser holds
# an element of the piece that it has.
CODES_BYTES = 0.6
QUANTISER_BYTES = 14


def require_memory(folder: Path, options: EngineOptions, requests: list[Request]) -> None:
    """Raise PreflightError unless a CPU has room for each engine's weights and cache, and the cache for the longest
    request. On a GPU toolkit.generation.choice has decided that already.
    """
    weights = weight_bytes(folder, options.precision)
    longest = max(len(request.prompt_ids) + request.max_tokens for request in requests)
    one_request = cache_bytes(folder, options.precision, longest)
    _require_on_cpu(weights, one_request, longest, options, available_bytes())


def weight_bytes(folder: Path, dtype: str) -> int:
    """Bytes of the weights in an engine that computes in `dtype`."""
    entries = (entry for path in weight_files(folder) for entry in read_header(path)[1])
    stored = {"F32": 4, "F16": 2, "BF16": 2}
    return sum(
        (
            (entry.end - entry.start) * DTYPE_BYTES[dtype] // stored[entry.dtype]
            if entry.dtype in FLOATS
            else entry.end - entry.start
        )
        for entry in entries
    )


def cache_bytes(folder: Path, dtype: str, tokens: int) -> int:
    """Bytes of the key-value cache of one sequence; 0 where the config does not say (no attention cache that is known
    here).

    Layers with a sliding window keep the window only.
    """
    config: dict[str, Any] = read_json(folder / "config.json") or {}
    config = config.get("text_config") or config
    layers, heads = config.get("num_hidden_layers"), config.get("num_attention_heads")
    if not layers or not heads:
        return 0
    head_dim = config.get("head_dim") or config.get("hidden_size", 0) // heads
    per_token = 2 * (config.get("num_key_value_heads") or heads) * head_dim * DTYPE_BYTES[dtype]
    window = config.get("sliding_window") or tokens
    kinds = config.get("layer_types") or ["full_attention"] * layers
    return sum(per_token * (min(window, tokens) if kind == "sliding_attention" else tokens) for kind in kinds)


def merge_bytes(folder: Path, mode: MergeMode) -> int:
    """Bytes that a streaming merge into this base needs, whatever its size: copies of its largest matrix."""
    largest = _largest_matrix(folder)
    if largest is None:
        return MERGE_PROCESS_BYTES[mode]
    copies = prod(largest.shape) * 4 + MERGE_COPIES[mode] * (largest.end - largest.start)
    return MERGE_PROCESS_BYTES[mode] + copies + (_rounding_bytes(largest) if mode == "dequantised" else 0)


def fitting_dtype(folder: Path, mode: MergeMode, wanted: str) -> str:
    """The precision that a model is measured in: the wanted one, or bfloat16 where only that fits this machine."""
    return wanted if proof_bytes(folder, mode, wanted) <= available_bytes() else "bfloat16"


def proof_bytes(folder: Path, mode: MergeMode, dtype: str = "float32") -> int:
    """Bytes of measuring a merged model of this base: one of the two models at a time, and while the base is rounded to
    NF4 its largest matrix before and after that in the stored type.
    """
    needed = weight_bytes(folder, dtype) + CPU_PROCESS_BYTES
    largest = _largest_matrix(folder) if mode == "dequantised" else None
    return needed + (2 * (largest.end - largest.start) + _rounding_bytes(largest) if largest else 0)


def _largest_matrix(folder: Path) -> Entry | None:
    """The largest that adapters change as a rule: of the matrices within layers."""
    entries = (entry for path in weight_files(folder) for entry in read_header(path)[1])
    within = (entry for entry in entries if len(entry.shape) == 2 and ".layers." in entry.name)
    return max(within, key=lambda entry: prod(entry.shape), default=None)


def _rounding_bytes(matrix: Entry) -> int:
    elements = prod(matrix.shape)
    return round(elements * CODES_BYTES) + min(PIECE_ELEMENTS, elements) * QUANTISER_BYTES


def engine_bytes(weights: int, cache: int) -> int:
    """Bytes of one engine process on a CPU."""
    return weights + cache + CPU_PROCESS_BYTES


def available_bytes() -> int:
    """Memory that this process may still take: the machine's, or its cgroup's where that is less."""
    return min([psutil.virtual_memory().available, *_cgroup_bytes()])


def _cgroup_bytes() -> Iterator[int]:
    root = Path("/sys/fs/cgroup")
    try:
        own = Path("/proc/self/cgroup").read_text(encoding="ascii").rsplit("::", 1)[-1].strip().lstrip("/")
        for folder in (root / own, root):
            limit, used = (
                (folder / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current")
            )
            if limit != "max":
                yield max(0, int(limit) - int(used))
    except (OSError, ValueError):
        return


def _require_on_cpu(weights: int, one_request: int, longest: int, options: EngineOptions, available: int) -> None:
    cache = int(options.cpu_kv_cache_gib * GIB) if options.backend == "vllm" else one_request * options.max_num_seqs
    if one_request > cache:
        raise PreflightError(
            f"generator.cpu_kv_cache_gib is {options.cpu_kv_cache_gib:g}, and the longest request ({longest} tokens,"
            f" prompt and answer) alone needs {one_request / GIB:.3g} GiB of cache; set it to that or more, or lower"
            " max_new_tokens."
        )
    needed = engine_bytes(weights, cache) * options.engines
    if needed > available:
        smaller = "generator.cpu_kv_cache_gib" if options.backend == "vllm" else "generator.max_num_seqs"
        raise PreflightError(
            f"Not enough memory: {options.engines} engine(s) with {weights / GIB:.3g} GiB of weights in"
            f" {options.precision}, {cache / GIB:.3g} GiB of key-value cache and {CPU_PROCESS_BYTES / GIB:g} GiB for"
            f" the rest need {needed / GIB:.3g} GiB, {available / GIB:.3g} GiB are available; lower {smaller}, take a"
            " smaller model, or free memory."
        )
