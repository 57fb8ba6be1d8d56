"""Samples of what a run uses: CPU, memory of its processes, and its GPUs. No ML library, no GPU context."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import Any

import psutil

from toolkit.machine.gpus import my_gpus

SAMPLE_TIMEOUT_S = 5.0
GPU_VALUES = ("index", "name", "memory_used_mib", "memory_total_mib", "utilization_percent")
GIB = 1024**3


def sample(processes: Iterable[psutil.Process], visible: str | None = None) -> dict[str, Any]:
    """One line of hardware.jsonl. `memory_gib` is what the processes hold for themselves: resident pages that are not
    shared. `visible`: the run's own CUDA_VISIBLE_DEVICES, else this process's.
    """
    memory = psutil.virtual_memory()
    row: dict[str, Any] = {
        "time": round(time.time(), 1),
        "cpu_percent": psutil.cpu_percent(),
        "memory_gib": round(sum(map(_private_bytes, processes)) / GIB, 3),
        "memory_free_gib": round(memory.available / GIB, 2),
    }
    if cards := my_gpus(visible, SAMPLE_TIMEOUT_S).cards:
        row["gpus"] = [{name: getattr(card, name) for name in GPU_VALUES} for card in cards]
    return row


def _private_bytes(process: psutil.Process) -> int:
    """From statm: smaps_rollup would be exact for shared pages, but walks all pages of a large process each time."""
    with contextlib.suppress(psutil.Error):
        memory = process.memory_info()
        return int(memory.rss - getattr(memory, "shared", 0))
    return 0
