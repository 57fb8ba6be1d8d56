"""What the machine of this process can do: device, compute precision, and the choices that it rules out."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from toolkit.device import device_kind
from toolkit.errors import OutOfMemoryError, PreflightError
from toolkit.machine.gpus import BF16_SINCE
from toolkit.machine.processes import RUN_ID_VARIABLE
from toolkit.options.training import SftOptions
from toolkit.planning.strategies import SHARDED, Strategy, refusal
from toolkit.planning.training_shape import PLAIN
from toolkit.training.attention import ROWS_ATTENTION


@dataclass(frozen=True)
class Hardware:
    """Device and precision of this process. `sharded`: weights are split over processes (ZeRO-3, FSDP)."""

    device: str
    compute_dtype: torch.dtype
    sharded: bool

    @property
    def on_cpu(self) -> bool:
        return self.device == "cpu"


def detect_hardware() -> Hardware:
    """By the environment that `accelerate launch` set: the local GPU unless ACCELERATE_USE_CPU is set or there is none.

    bf16 on cards and processors that compute in it; else fp16 on a card (T4) and fp32 on a processor, where
    emulated bf16 is several times slower than fp32 (measured with AVX2: 9 against 51 GFLOP/s).
    """
    if _is_set("ACCELERATE_USE_DEEPSPEED"):
        # accelerate would let it win, and quietly train with DDP; DS_ACCELERATOR=cpu is what DeepSpeed goes by.
        os.environ.pop("ACCELERATE_USE_CPU", None)
    sharded = _strategy() in SHARDED
    if not _is_set("ACCELERATE_USE_CPU") and device_kind() == "cuda":
        dtype = torch.bfloat16 if torch.cuda.get_device_capability()[0] >= BF16_SINCE else torch.float16
        return Hardware(f"cuda:{os.environ.get('LOCAL_RANK', '0')}", dtype, sharded)
    dtype = torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
    return Hardware("cpu", dtype, sharded)


def require_possible(hardware: Hardware, options: SftOptions) -> None:
    """Raises PreflightError for options that this machine cannot do, naming what works instead."""
    if found := refusal(_strategy(), options.quantization, options.optim, hardware.on_cpu, options.use_dora):
        raise PreflightError(str(found))
    if options.attn_implementation == "flash_attention_2" and not _has_flash_attention(hardware):
        raise PreflightError(
            "attn_implementation=flash_attention_2 needs a CUDA card and the package flash-attn; use"
            " attn_implementation=auto."
        )


def attention_kernel(asked: str, packing: bool, hardware: Hardware, family: str) -> str:
    """The kernel by transformers' name; `family`: the model's type. Where attention needs a mask, joined rows gain by
    FlashAttention 2.
    """
    if asked != "auto":
        return asked
    if family in PLAIN:
        return ROWS_ATTENTION
    return "flash_attention_2" if packing and _has_flash_attention(hardware) else "sdpa"


def _has_flash_attention(hardware: Hardware) -> bool:
    return not hardware.on_cpu and importlib.util.find_spec("flash_attn") is not None


@contextmanager
def out_of_memory_named(options: SftOptions, hardware: Hardware) -> Iterator[None]:
    """Turn the many ways in which memory runs out into one error that says what to change.

    Raises:
        OutOfMemoryError
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not _is_out_of_memory(error):
            raise
        where = "memory of this machine" if hardware.on_cpu else "memory of the GPU"
        raise OutOfMemoryError(
            f"Out of memory: the {where} ran out with {_load(options)}. {_relief(options)}"
        ) from error


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error)
    marks = ("can't allocate memory", "CUDA out of memory", "error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(mark in text for mark in marks)


def _load(options: SftOptions) -> str:
    return f"per_device_train_batch_size={options.per_device_train_batch_size} and max_length={options.max_length}"


def _relief(options: SftOptions) -> str:
    """What to change first, as a command: what costs time alone, before what changes the result."""
    resume = f"steptune resume {os.environ.get(RUN_ID_VARIABLE, 'RUN')}"
    batch, accumulation = options.rows_per_device, options.gradient_accumulation_steps
    smaller = next((size for size in range(batch // 2, 0, -1) if batch % size == 0), 0)
    if smaller:
        change = f"per_device_train_batch_size={smaller} gradient_accumulation_steps={accumulation * batch // smaller}"
        return f"Go on with `{resume} {change}`: the same rows a step."
    if options.recomputed_every != 1:
        return f"Go on with `{resume} gradient_checkpointing=true`: slower, with the same result."
    if options.quantization != "nf4":
        return "Start a new run with quantization=nf4."
    return (
        f"Go on with `{resume} max_length={options.max_length // 2}`, which leaves longer rows out, or start a new run"
        " that shares the model out (--on deepspeed_zero3)."
    )


def _strategy() -> Strategy:
    """The strategy that accelerate's launcher announced."""
    if _is_set("ACCELERATE_USE_FSDP"):
        return "fsdp"
    if _is_set("ACCELERATE_USE_DEEPSPEED"):
        stage = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2")
        return "zero3" if stage == "3" else "zero1" if stage == "1" else "zero2"
    return "ddp" if int(os.environ.get("WORLD_SIZE", "1")) > 1 else "single"


def _is_set(name: str) -> bool:
    return os.environ.get(name, "false").lower() in {"true", "1", "yes"}
