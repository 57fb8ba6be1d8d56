"""Where Hugging Face's libraries keep downloads on this machine, and what lies there.

https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import os
from pathlib import Path

NEWEST = "main"


def hub_cache() -> Path:
    """The folder in which Hugging Face's libraries keep downloads."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(named).expanduser() if named else hub_home() / "hub"


def cached_snapshot(name: str, revision: str | None = None) -> Path | None:
    """The folder of a downloaded revision, whole or not; None where there is none."""
    folder = model_folder(name)
    reference = folder / "refs" / (revision or NEWEST)
    commit = reference.read_text(encoding="ascii").strip() if reference.is_file() else revision
    snapshot = folder / "snapshots" / str(commit)
    return snapshot if commit and snapshot.is_dir() else None


def snapshots(name: str) -> list[Path]:
    """The folders of all downloaded revisions, newest first."""
    return sorted((model_folder(name) / "snapshots").glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)


def model_folder(name: str) -> Path:
    return hub_cache() / f"models--{name.replace('/', '--')}"


def hub_home() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("HF_HOME") or cache / "huggingface").expanduser()
