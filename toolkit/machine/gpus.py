"""My GPUs: the cards that a program of this environment sees, by nvidia-smi and CUDA's own rules. No GPU context.

CUDA_VISIBLE_DEVICES names cards by index, by UUID (or the beginning of one) or as a MIG slice; the first entry that
names nothing ends the list, and one that comes twice empties it. CUDA shows one MIG slice at most. Indexes are
nvidia-smi's, which are CUDA's with CUDA_DEVICE_ORDER=PCI_BUS_ID: every launch sets that.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from toolkit.records import JSON

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
PROMISED_VARIABLE = "STEPTUNE_GPUS"  # UUIDs of the cards that a launch was planned for; empty: none
BF16_SINCE = 8  # the first compute capability (Ampere) that computes in bf16
TIMEOUT_S = 20.0
_MIB = 1024**2
_FIELDS = (
    "index",
    "uuid",
    "name",
    "memory.used",
    "memory.total",
    "utilization.gpu",
    "driver_version",
    "compute_mode",
)
_NEWER_FIELDS = ("compute_cap", "mig.mode.current")  # a driver that does not know one refuses the whole question


@dataclass(frozen=True)
class Gpu:
    """A card, or a MIG slice of one. What nvidia-smi does not say ([N/A]) is None."""

    index: int  # of the card
    uuid: str
    name: str
    memory_used_mib: int | None = None
    memory_total_mib: int | None = None
    utilization_percent: int | None = None
    driver: str | None = None
    compute_mode: str | None = None
    compute_capability: float | None = None
    mig: bool = False  # whether the card is cut into slices

    @property
    def is_slice(self) -> bool:
        return self.uuid.startswith("MIG-")

    @property
    def computes_bf16(self) -> bool:
        """Taken for granted where a driver does not say the compute capability."""
        return self.compute_capability is None or self.compute_capability >= BF16_SINCE

    @property
    def visible_as(self) -> str:
        """Its name in CUDA_VISIBLE_DEVICES: the index, which vLLM and people read, and a slice's UUID."""
        return self.uuid if self.is_slice else str(self.index)

    @property
    def free_bytes(self) -> int | None:
        if self.memory_used_mib is None or self.memory_total_mib is None:
            return None
        return (self.memory_total_mib - self.memory_used_mib) * _MIB

    @property
    def total_bytes(self) -> int | None:
        return None if self.memory_total_mib is None else self.memory_total_mib * _MIB

    def to_json(self) -> JSON:
        return asdict(self)


@dataclass(frozen=True)
class Gpus:
    """The visible cards in CUDA's order, and how many the machine has. `problem`: why nvidia-smi did not answer."""

    cards: tuple[Gpu, ...] = ()
    on_machine: int = 0
    problem: str | None = None

    @property
    def emptied(self) -> Gpus:
        """The same cards with nothing on them."""
        return replace(
            self,
            cards=tuple(
                replace(card, memory_used_mib=None if card.memory_used_mib is None else 0) for card in self.cards
            ),
        )

    def only(self, uuids: tuple[str, ...]) -> Gpus:
        """Those of the cards."""
        return replace(self, cards=tuple(card for card in self.cards if card.uuid in uuids))


def my_gpus(visible: str | None = None, timeout_s: float = TIMEOUT_S) -> Gpus:
    """The cards that CUDA shows with `visible` as CUDA_VISIBLE_DEVICES; None takes the variable of this process."""
    cards, slices, problem = _all_cards(timeout_s)
    wanted = os.environ.get(VISIBLE_VARIABLE) if visible is None else visible
    return Gpus(tuple(_shown(cards, slices, wanted)), len(cards), problem)


def machine_gpus() -> Gpus:
    """Every card of the machine, and every slice of those that are cut, whatever this process is shown."""
    cards, slices, problem = _all_cards(TIMEOUT_S)
    return Gpus((*(card for card in cards if not card.mig), *slices), len(cards), problem)


def _all_cards(timeout_s: float) -> tuple[list[Gpu], list[Gpu], str | None]:
    """(cards, slices, problem)."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return [], [], None
    answer, problem = ask_nvidia_smi("gpu", (*_FIELDS, *_NEWER_FIELDS), timeout_s)
    if problem and "not a valid field" in problem:
        answer, problem = ask_nvidia_smi("gpu", _FIELDS, timeout_s)
    if problem:
        return [], [], problem
    cards = [card for line in answer.splitlines() if (card := _card(line))]
    return cards, _slices(program, timeout_s, cards) if any(card.mig for card in cards) else [], None


def most_free(cards: tuple[Gpu, ...], count: int) -> tuple[Gpu, ...]:
    """The `count` cards with the most free memory, those first; of equals the first."""
    return tuple(sorted(cards, key=lambda card: -(card.free_bytes or 0)))[:count]


def card_environment(cards: tuple[Gpu, ...]) -> dict[str, str]:
    """What tells a run its cards, and by which it notices that one of them is gone; none clears an outer run's."""
    promised = {PROMISED_VARIABLE: ",".join(card.uuid for card in cards)}
    if not cards:
        return promised
    shown = ",".join(card.visible_as for card in cards)
    return {**promised, VISIBLE_VARIABLE: shown, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def pids_on(card: Gpu) -> list[int]:
    """Processes that compute on a card, as far as nvidia-smi may see them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    answer, _ = _run([program, "--query-compute-apps=gpu_uuid,pid", "--format=csv,noheader,nounits"], TIMEOUT_S)
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.splitlines()]
    return [int(row[1]) for row in rows if len(row) == 2 and row[0] == card.uuid and row[1].isdigit()]


def ask_nvidia_smi(what: str, fields: Sequence[str], timeout_s: float) -> tuple[str, str | None]:
    """(answer, problem) of `nvidia-smi --query-WHAT`: a line of cells with commas for each card or process."""
    program = shutil.which("nvidia-smi") or "nvidia-smi"
    return _run([program, f"--query-{what}={','.join(fields)}", "--format=csv,noheader,nounits"], timeout_s)


def _run(command: list[str], timeout_s: float) -> tuple[str, str | None]:
    """(answer, problem)."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return "", f"nvidia-smi did not answer within {timeout_s:.0f} s"
    except OSError as error:
        return "", f"nvidia-smi could not be started: {error.strerror}"
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or [f"exit code {done.returncode}"]
        return "", f"nvidia-smi fails: {said[0][:200]}"
    return done.stdout, None


def _card(line: str) -> Gpu | None:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) < len(_FIELDS) or not cells[0].isdigit():
        return None
    index, uuid, name, used, total, busy, driver, mode, *newer = cells
    capability, mig = ([*newer, "", ""])[:2]
    return Gpu(
        index=int(index),
        uuid=uuid,
        name=name,
        memory_used_mib=_whole(used),
        memory_total_mib=_whole(total),
        utilization_percent=_whole(busy),
        driver=_said(driver),
        compute_mode=_said(mode),
        compute_capability=float(capability) if re.fullmatch(r"\d+\.\d+", capability) else None,
        mig=mig == "Enabled",
    )


def _whole(cell: str) -> int | None:
    found = re.match(r"\d+", cell)
    return int(found[0]) if found else None


def _said(cell: str) -> str | None:
    return None if cell.startswith("[") or not cell else cell


def _slices(program: str, timeout_s: float, cards: list[Gpu]) -> list[Gpu]:
    """The MIG slices of the cards: names and UUIDs by `nvidia-smi -L`, memory by `nvidia-smi -q -x`, in one order."""
    listed, _ = _run([program, "-L"], timeout_s)
    described, _ = _run([program, "-q", "-x"], timeout_s)
    memory = _slice_memory(described)
    by_index = {card.index: card for card in cards}
    found, index = [], -1
    for line in listed.splitlines():
        if card := re.match(r"GPU (\d+):", line):
            index, number = int(card[1]), 0
        elif (part := re.match(r"\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)", line)) and index in by_index:
            used, total = memory.get((by_index[index].uuid, number), (None, None))
            number += 1
            whole = by_index[index]
            name = f"{whole.name} MIG {part[1]}"
            found.append(replace(whole, uuid=part[2], name=name, memory_used_mib=used, memory_total_mib=total))
    return found


def _slice_memory(described: str) -> dict[tuple[str, int], tuple[int | None, int | None]]:
    """(used, total) MiB by the card's UUID and the slice's place on it."""
    found: dict[tuple[str, int], tuple[int | None, int | None]] = {}
    with contextlib.suppress(ElementTree.ParseError):
        for card in ElementTree.fromstring(described).iter("gpu"):
            for number, part in enumerate(card.iterfind("mig_devices/mig_device")):
                used, total = (part.findtext(f"fb_memory_usage/{name}", "") for name in ("used", "total"))
                found[card.findtext("uuid", ""), number] = (_whole(used), _whole(total))
    return found


def _shown(cards: list[Gpu], slices: list[Gpu], visible: str | None) -> list[Gpu]:
    """The cards that CUDA shows. A card in MIG mode stands for its first slice."""
    candidates = [card for card in cards if not card.mig]
    if visible is None:
        return slices[:1] or candidates
    shown: list[Gpu] = []
    for entry in (part.strip() for part in visible.split(",")):
        found = _named(entry, candidates, slices)
        if found is None:
            break
        if found in shown:
            return []
        shown.append(found)
    first_slice = [card for card in shown if card.is_slice][:1]
    return first_slice or shown


def _named(entry: str, cards: list[Gpu], slices: list[Gpu]) -> Gpu | None:
    if entry.isdigit():
        return next((card for card in [*cards, *slices] if card.index == int(entry)), None)
    if not entry.startswith(("GPU-", "MIG-")):
        return None
    matching = [card for card in [*cards, *slices] if card.uuid.startswith(entry)]
    return matching[0] if len(matching) == 1 else None
