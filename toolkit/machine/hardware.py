"""Samples of what a run uses: CPU, memory of its processes, and GPUs by nvidia-smi. No ML library, no GPU context."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import psutil

GIB = 1024**3


def sample(processes: Iterable[psutil.Process]) -> dict[str, Any]:
    """One line of hardware.jsonl. `memory_gib` is what the processes hold for themselves: resident pages that are not
    shared.
    """
    memory = psutil.virtual_memory()
    row: dict[str, Any] = {
        "time": round(time.time(), 1),
        "cpu_percent": psutil.cpu_percent(),
        "memory_gib": round(sum(map(_private_bytes, processes)) / GIB, 3),
        "memory_free_gib": round(memory.available / GIB, 2),
    }
    if gpus := sample_gpus():
        row["gpus"] = gpus
    return row


def _private_bytes(process: psutil.Process) -> int:
    """From statm: smaps_rollup would be exact for shared pages, but walks all pages of a large process each time."""
    with contextlib.suppress(psutil.Error):
        memory = process.memory_info()
        return int(memory.rss - getattr(memory, "shared", 0))
    return 0


@cache
def nvidia_smi() -> str | None:
    """Path of nvidia-smi where a driver is loaded."""
    return shutil.which("nvidia-smi") if Path("/proc/driver/nvidia").exists() or Path("/dev/nvidia0").exists() else None


def sample_gpus() -> list[dict[str, Any]]:
    """Name, memory (MiB) and utilisation (percent) of each NVIDIA GPU; [] without a driver."""
    program = nvidia_smi()
    if program is None:
        return []
    query = "index,name,memory.used,memory.total,utilization.gpu,compute_cap"
    try:
        done = subprocess.run(
            [program, f"--query-gpu={query}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]
    keys = ("index", "name", "memory_used_mib", "memory_total_mib", "utilization_percent", "compute_capability")
    return [dict(zip(keys, (_number(cell) for cell in row), strict=False)) for row in rows if len(row) == len(keys)]


def _number(cell: str) -> Any:
    with contextlib.suppress(ValueError):
        return float(cell) if "." in cell else int(cell)
    return cell
