"""Merged models kept under the user's cache, by what they were made from, and checked before they are used again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from toolkit.bundled import cache_dir
from toolkit.generation.adapter import Adapter, MergeMode
from toolkit.generation.merge import merge_adapter
from toolkit.generation.merge_folder import MERGE_FILE
from toolkit.models import locked
from toolkit.records import read_json, sha256_file, sha256_json

FORMAT = 2  # counts up when the same inputs would give another merged model


def cached_merge(
    adapter: Adapter,
    base_dir: Path,
    base_fingerprint: str,
    mode: MergeMode,
    trust_remote_code: bool,
    checkpoint: Callable[[int, int], None],
) -> tuple[Path, bool]:
    """Folder of the merged model and whether it was there already. Concurrent runs wait for one another.

    Raises:
        ModelError, DiskFullError: as merge_adapter.
    """
    changes = [FORMAT, base_fingerprint, adapter.fingerprint(), mode]
    key = sha256_json(changes if adapter.updates or adapter.replacements else [*changes, "base alone"])[:24]
    target = cache_dir() / "merged" / key
    with locked(target.with_suffix(".lock")):
        if is_intact(target):
            return target, True
        shutil.rmtree(target, ignore_errors=True)
        merge_adapter(adapter, base_dir, target, mode, trust_remote_code, checkpoint, durable=False)
    return target, False


def is_intact(folder: Path) -> bool:
    """Whether all files have the size and SHA-256 that merge.json records."""
    record = read_json(folder / MERGE_FILE)
    files = record.get("files") if record else None
    if not files:
        return False
    paths = {folder / name: wanted for name, wanted in files.items()}
    return all(path.is_file() and path.stat().st_size == wanted["bytes"] for path, wanted in paths.items()) and all(
        sha256_file(path) == wanted["sha256"] for path, wanted in paths.items()
    )
