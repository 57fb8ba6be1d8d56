"""Which checkpoint a run goes on from: only one that was written to its end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ModelError
from toolkit.records import JSON, read_json, write_json

if TYPE_CHECKING:
    from peft import LoraConfig

COMPLETE_FILE = "complete.json"


def checkpoint_dir(checkpoints: Path, step: int) -> Path:
    return checkpoints / f"checkpoint-{step}"


def mark_complete(folder: Path, step: int) -> None:
    """The last act of saving: the marker names every file with its size (DeepSpeed's are in subfolders), so that a
    cut-off file shows.
    """
    files = {
        file.relative_to(folder).as_posix(): file.stat().st_size
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != COMPLETE_FILE
    }
    write_json(folder / COMPLETE_FILE, {"step": step, "files": files})


def is_complete(folder: Path) -> bool:
    marker: JSON | None = read_json(folder / COMPLETE_FILE)
    if marker is None:
        return False
    return all(
        (folder / name).is_file() and (folder / name).stat().st_size == size for name, size in marker["files"].items()
    )


def complete_checkpoints(checkpoints: Path) -> list[Path]:
    """Complete checkpoints, oldest step first; [] where there are none."""
    found = [
        folder
        for folder in checkpoints.glob("checkpoint-*")
        if folder.name.rpartition("-")[2].isdigit() and is_complete(folder)
    ]
    return sorted(found, key=step_of)


def last_complete(checkpoints: Path) -> Path | None:
    return next(reversed(complete_checkpoints(checkpoints)), None)


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def require_same_adapter(checkpoint: Path, lora: LoraConfig, base_model: str) -> None:
    """Raises ModelError unless the checkpoint's adapter was trained on this base model, with this shape of LoRA."""
    saved: JSON = read_json(checkpoint / "adapter_config.json") or {}
    wanted = {
        "base_model_name_or_path": lora.base_model_name_or_path,
        "r": lora.r,
        "lora_alpha": lora.lora_alpha,
        "use_dora": lora.use_dora,
        "use_rslora": lora.use_rslora,
    }
    differing = [
        f"{name} {saved.get(name)} in place of {value}" for name, value in wanted.items() if saved.get(name) != value
    ]
    if differing:
        raise ModelError(
            f"{checkpoint} was trained otherwise ({', '.join(differing)}), and this run trains on {base_model}; "
            "resume it with the config that it was started with, or start a new run."
        )


def remove_incomplete(checkpoints: Path) -> list[str]:
    """Delete half-written checkpoints, and return their names."""
    broken = [folder for folder in sorted(checkpoints.glob("checkpoint-*")) if not is_complete(folder)]
    for folder in broken:
        shutil.rmtree(folder)
    return [folder.name for folder in broken]


def keep_newest(checkpoints: Path, limit: int, best: Path | None) -> None:
    """Delete the oldest complete checkpoints beyond `limit`; the newest and the best always stay."""
    complete = complete_checkpoints(checkpoints)
    kept = {complete[-1], *([best] if best in complete else [])} if complete else set()
    for folder in reversed(complete):
        if len(kept) < limit:
            kept.add(folder)
    for folder in complete:
        if folder not in kept:
            shutil.rmtree(folder)
