"""The machine as one process of a training meets it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from toolkit.machine.gpus import Gpu
from toolkit.planning.accelerate_config import AccelerateConfig
from toolkit.planning.strategies import Strategy

Precision = Literal["bf16", "fp16", "fp32"]


@dataclass(frozen=True)
class Machine:
    """What one process of a training has: `free` in bytes, of the fullest of its GPUs or its share of this machine's
    memory; None where a card does not say.
    """

    device: Literal["cpu", "cuda"]
    free: float | None
    strategy: Strategy
    processes: int
    name: str
    here: int = 1  # those of the processes that this machine runs
    precision: Precision = "bf16"

    @property
    def precision_bytes(self) -> int:
        return 4 if self.precision == "fp32" else 2


def read_machine(accelerate: AccelerateConfig, cards: tuple[Gpu, ...]) -> Machine:
    """The machine as one process of an accelerate config meets it on these cards."""
    processes = accelerate.processes
    if cards:
        processes = len(cards) * accelerate.machines if processes > 1 else 1
        free = [card.free_bytes for card in cards]
        known = None if None in free else min(size for size in free if size is not None)
        precision: Precision = "bf16" if all(card.computes_bf16 for card in cards) else "fp16"
        here = processes // accelerate.machines or 1
        return Machine("cuda", known, accelerate.strategy, processes, cards[0].name, here, precision)
    # Without a card the default of the presets is still judged by what it needs on a CPU.
    available = psutil.virtual_memory().available / processes
    return Machine("cpu", available, accelerate.strategy, processes, "CPU", 1, "bf16" if cpu_has_bf16() else "fp32")


def cpu_has_bf16() -> bool:
    path = Path("/proc/cpuinfo")
    return path.exists() and "avx512_bf16" in path.read_text(encoding="utf-8", errors="replace")
