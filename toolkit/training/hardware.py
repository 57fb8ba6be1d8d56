"""What the machine of this process can do: device, compute precision, and the choices that it rules out."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass

import torch

from toolkit.errors import PreflightError


@dataclass(frozen=True)
class Hardware:
    """Where and in which precision this process computes. `sharded` = weights are split over processes (ZeRO-3, FSDP)."""

    device: str
    compute_dtype: torch.dtype
    sharded: bool

    @property
    def on_cpu(self) -> bool:
        return self.device == "cpu"


def detect_hardware() -> Hardware:
    """By the environment that `accelerate launch` set: the local GPU unless ACCELERATE_USE_CPU is set or there is none.

    bf16 on cards and processors that compute in it; else fp16 on a card (T4, V100) and fp32 on a processor, where emulated
    bf16 is several times slower than fp32 (measured with AVX2: 9 against 51 GFLOP/s).
    """
    if _is_set("ACCELERATE_USE_DEEPSPEED"):
        # accelerate would let it win, and quietly train with DDP; DS_ACCELERATOR=cpu is what DeepSpeed goes by.
        os.environ.pop("ACCELERATE_USE_CPU", None)
    sharded = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3" or _is_set("ACCELERATE_USE_FSDP")
    if torch.cuda.is_available() and not _is_set("ACCELERATE_USE_CPU"):
        dtype = torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16
        return Hardware(f"cuda:{os.environ.get('LOCAL_RANK', '0')}", dtype, sharded)
    dtype = torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
    return Hardware("cpu", dtype, sharded)


def require_possible(hardware: Hardware, optim: str, packing: bool) -> None:
    """Raises PreflightError for options that this machine cannot do, naming what works instead."""
    if hardware.on_cpu and optim.startswith("paged_"):
        raise PreflightError(
            f"optim={optim} pages memory between a CUDA card and the host, and this process has no CUDA card; set optim=adamw_torch."
        )
    if hardware.sharded and optim.startswith("paged_"):
        raise PreflightError(f"optim={optim} cannot be saved when weights are shared out over processes (ZeRO-3, FSDP); set optim=adamw_torch.")
    if packing and (hardware.on_cpu or importlib.util.find_spec("flash_attn") is None):
        raise PreflightError("packing=true needs FlashAttention 2 on a CUDA card to keep packed rows apart (package flash-attn); set packing=false.")


def _is_set(name: str) -> bool:
    return os.environ.get(name, "false").lower() in {"true", "1", "yes"}
