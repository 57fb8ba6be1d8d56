"""Puts an emulated machine in the place of this one: PATH with a fake nvidia-smi, and the facts that planning asks for.

The versions are those of constraints/cuda.txt. Nothing imports torch.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.emulated.machines import Emulated
from toolkit.hub.models import HubModel
from toolkit.machine import packages
from toolkit.machine.gpus import Gpu
from toolkit.machine.packages import TorchBuild
from toolkit.planning import hub_check, preflight, training_machine

ROOT = Path(__file__).resolve().parents[2]
GIB = 1024**3
_Disk = namedtuple("_Disk", "total used free")
NOT_INSTALLED = {"flash_attn", "wandb", "trackio", "tensorboard"}


@contextmanager
def emulated(machine: Emulated, folder: Path) -> Iterator[pytest.MonkeyPatch]:
    """This process on that machine; `folder` is empty and takes its programs."""
    with pytest.MonkeyPatch.context() as patch:
        install(machine, folder, patch)
        yield patch


def install(machine: Emulated, folder: Path, patch: pytest.MonkeyPatch) -> None:
    programs = folder / "bin"
    programs.mkdir(parents=True)
    if machine.cards or machine.smi_error:
        write_nvidia_smi(machine, programs)
    if machine.compiler:
        _program(programs / "gcc", "exit 0")
    (folder / "include").mkdir()
    (folder / "include" / "Python.h").touch()
    patch.setenv("PATH", str(programs))
    patch.setenv("HF_HUB_CACHE", str(folder / "hub"))
    patch.delenv("CC", raising=False)
    if machine.visible is None:
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        patch.setenv("CUDA_VISIBLE_DEVICES", machine.visible)
    versions = _pinned()
    patch.setattr(packages, "python_headers", lambda: folder / "include")
    patch.setattr(packages, "torch_build", lambda: TorchBuild(machine.torch, machine.cuda))
    patch.setattr(packages, "version_of", lambda name: versions.get(name.lower().replace("_", "-")))
    patch.setattr(packages, "is_installed", lambda module: module not in NOT_INSTALLED)
    memory = SimpleNamespace(total=machine.memory_gib * GIB, available=machine.memory_gib * GIB * 15 // 16)
    patch.setattr(psutil, "virtual_memory", lambda: memory)
    patch.setattr(preflight.shutil, "disk_usage", lambda _path: _Disk(1 << 40, 0, machine.disk_gib * GIB))
    patch.setattr(training_machine, "cpu_has_bf16", lambda: True)
    patch.setattr(hub_check, "find_hub_model", lambda name, *_: _to_fetch(name, folder / "hub"))


def _to_fetch(name: str, cache: Path) -> HubModel:
    """A model that nobody has downloaded yet, with the bytes of the two that the presets name."""
    files = {"model.safetensors": 14_483_498_224 if "7B" in name else 1_421_700_479}
    return HubModel(name, "0123456789abcdef", cache, files, files)


def write_nvidia_smi(machine: Emulated, folder: Path) -> None:
    """A program that answers what steptune asks, as the driver of this machine would."""
    short, full = ("\n".join(_row(card, newer) for card in machine.cards) for newer in (False, True))
    texts = {"short": short, "full": full, "list": _listed(machine), "xml": _described(machine)}
    texts["apps"] = "\n".join(f"{machine.cards[0].uuid}, {pid}" for pid in machine.holders) if machine.cards else ""
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text + "\n")
    unknown = "echo 'Field \"compute_cap\" is not a valid field to query.'; exit 2"
    newer = unknown if machine.old_driver else f"/bin/cat {folder}/full.txt"
    fails = f"echo '{machine.smi_error}'; exit 18\n" if machine.smi_error else ""
    _program(
        folder / "nvidia-smi",
        f"""{fails}case "$1" in
--query-gpu=*compute_cap*) {newer};;
--query-gpu=*) /bin/cat {folder}/short.txt;;
--query-compute-apps=*) /bin/cat {folder}/apps.txt;;
-L) /bin/cat {folder}/list.txt;;
-q) /bin/cat {folder}/xml.txt;;
esac""",
    )


def _program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def _row(card: Gpu, newer: bool) -> str:
    cells = [card.index, card.uuid, card.name, card.memory_used_mib, card.memory_total_mib, card.utilization_percent]
    cells += [
        card.driver,
        card.compute_mode,
        *([card.compute_capability, "Enabled" if card.mig else "Disabled"] if newer else []),
    ]
    return ", ".join("[N/A]" if cell is None else str(cell) for cell in cells)


def _listed(machine: Emulated) -> str:
    lines = [f"GPU {card.index}: {card.name} (UUID: {card.uuid})" for card in machine.cards]
    parts = [f"  MIG {part.name}     Device  {n}: (UUID: {part.uuid})" for n, part in enumerate(machine.slices)]
    return "\n".join([*lines[:1], *parts, *lines[1:]])


def _described(machine: Emulated) -> str:
    parts = "".join(
        f"<mig_device><index>{n}</index><fb_memory_usage><total>{part.memory_total_mib} MiB</total>"
        f"<used>{part.memory_used_mib} MiB</used></fb_memory_usage></mig_device>"
        for n, part in enumerate(machine.slices)
    )
    cards = "".join(f"<gpu><mig_devices>{parts}</mig_devices><uuid>{card.uuid}</uuid></gpu>" for card in machine.cards)
    return f'<?xml version="1.0" ?><nvidia_smi_log>{cards}</nvidia_smi_log>'


def _pinned() -> dict[str, str]:
    lines = (ROOT / "constraints" / "cuda.txt").read_text(encoding="utf-8").splitlines()
    pins = (line.split("==", 1) for line in lines if "==" in line and not line.startswith("#"))
    return {name.strip().lower().replace("_", "-"): version.split()[0].split(";")[0] for name, version in pins}
