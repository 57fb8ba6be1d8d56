"""Environment and precision of the engines. Imports nothing heavy: `set_engine_environment` must precede torch."""

from __future__ import annotations

import os

from toolkit.device import device_kind

# Values that the user set stay.
_DEFAULTS = {
    "VLLM_NO_USAGE_STATS": "1",  # no usage reports from a library that runs on the user's behalf
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that spin at every barrier lose it all once another process needs a core: measured at batch 45 on two
    # shared
    # cores, 11 tokens/s spinning, 56 with one thread, 79 with two that sleep.
    "OMP_WAIT_POLICY": "PASSIVE",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    # vLLM otherwise pins its threads to cores, whoever else runs there.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}


def set_engine_environment() -> None:
    """Set what torch and vLLM read when they are imported; values that the user set stay.

    vLLM's engine core runs in this process: it starts in half the time, and cannot outlive the run
    (https://github.com/vllm-project/vllm/issues/55510). Workers of a tensor-parallel engine end with their parent's
    pipe.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    # vLLM on CPU otherwise keeps a core to itself for serving and computes with the rest.
    os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))


def choose_dtype(requested: str) -> str:
    """`auto` as a torch dtype's name: bfloat16 where the processor computes with it, else float32 (CPU) or float16
    (GPU).

    A CPU without bfloat16 instructions emulates them at a fifth of the speed of float32.
    """
    import torch

    if requested != "auto":
        return requested
    if device_kind() == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    return "bfloat16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "float32"


def on_cpu() -> bool:
    """Whether engines run on the CPU: no GPU is visible."""
    return device_kind() == "cpu"


def engines_for(requested: int | None, gpus_each: int) -> int:
    """Engines side by side: as many as asked for, or (None) as the visible GPUs hold at `gpus_each`."""
    if requested is not None:
        return requested
    import torch

    return max(1, int(torch.cuda.device_count()) // gpus_each)


def device_name() -> str:
    """The GPU's name, or `cpu`."""
    import torch

    return str(torch.cuda.get_device_name()) if device_kind() == "cuda" else "cpu"
