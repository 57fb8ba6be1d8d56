"""The cards of this machine as they are now: memory, load, temperature, power, and whose processes compute on them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from toolkit.machine.gpus import ask_nvidia_smi
from toolkit.machine.processes import RUN_ID_VARIABLE

TIMEOUT_S = 8.0
_CARD = ("index", "uuid", "name", "memory.used", "memory.total", "utilization.gpu", "temperature.gpu", "power.draw")
_PROCESS = ("gpu_uuid", "pid", "used_memory")


@dataclass(frozen=True)
class GpuProcess:
    """A process on a card; what the system does not let one see is "" or None. `run`: the id of its run."""

    pid: int
    memory_mib: float | None
    user: str
    command: str
    run: str


@dataclass(frozen=True)
class CardStatus:
    """A card now; what nvidia-smi does not say is None."""

    index: int
    name: str
    memory_used_mib: float | None
    memory_total_mib: float | None
    utilization_percent: float | None
    temperature_c: float | None
    power_w: float | None
    processes: tuple[GpuProcess, ...] = ()


def card_status() -> tuple[list[CardStatus], str]:
    """(cards, problem): all cards of the machine; a sentence why there are none."""
    if shutil.which("nvidia-smi") is None:
        return [], "nvidia-smi is not there: this machine has no NVIDIA card, or no driver."
    answer, problem = ask_nvidia_smi("gpu", _CARD, TIMEOUT_S)
    if problem:
        return [], f"{problem}."
    listed, _ = ask_nvidia_smi("compute-apps", _PROCESS, TIMEOUT_S)
    on_card: dict[str, list[GpuProcess]] = {}
    for uuid, pid, memory in (row for row in map(_cells, listed.splitlines()) if len(row) == len(_PROCESS)):
        if pid.isdigit():
            on_card.setdefault(uuid, []).append(_process(int(pid), _number(memory)))
    cards = []
    for row in map(_cells, answer.splitlines()):
        if len(row) == len(_CARD) and row[0].isdigit():
            index, uuid, name, *cells = row
            used, total, busy, temperature, power = map(_number, cells)
            processes = tuple(on_card.get(uuid, ()))
            cards.append(CardStatus(int(index), name, used, total, busy, temperature, power, processes))
    return cards, "" if cards else "nvidia-smi lists no card."


def _cells(line: str) -> Sequence[str]:
    return [cell.strip() for cell in line.split(",")]


def _number(cell: str) -> float | None:
    with contextlib.suppress(ValueError):
        return float(cell)
    return None


def _process(pid: int, memory_mib: float | None) -> GpuProcess:
    user = command = run = ""
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        user = process.username()
        command = " ".join(process.cmdline()[:6])
        run = process.environ().get(RUN_ID_VARIABLE, "")  # of somebody else's process nobody may see this
    return GpuProcess(pid, memory_mib, user, command, run)
