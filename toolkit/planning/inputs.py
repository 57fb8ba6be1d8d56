"""The files and folders that a run reads, with the hash of what they hold: shown before the start, so that one sees
which data it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from toolkit.bundled import recipes_dir
from toolkit.planning.check import Check
from toolkit.planning.columns import column_checks
from toolkit.records import sha256_tree
from toolkit.settings import Settings

MAX_HASHED_BYTES = 4 << 30  # about ten seconds of hashing
_NO_DATA = ("python",)  # options whose path is a program


def check_inputs(settings: Settings) -> list[Check]:
    """A check per path option that is set: size and SHA-256 of the contents (that of toolkit.records.sha256_tree)."""
    # Of a pipeline's later stages the inputs are made by the ones before.
    first = next(iter(settings.stage_settings().values()))
    return [*(_check(name, path) for name, path in _paths(first)), *column_checks(first)]


def _paths(value: Any, name: str = "") -> Iterator[tuple[str, Path]]:
    if isinstance(value, Path):
        yield name, value
    elif isinstance(value, BaseModel):
        for key in type(value).model_fields:
            if key not in _NO_DATA:
                # `sources.0`, not `sources.0.path`: what an entry is, is its path
                yield from _paths(getattr(value, key), name if name and key == "path" else f"{name}.{key}".lstrip("."))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _paths(item, f"{name}.{index}")


def _check(name: str, path: Path) -> Check:
    try:
        path.stat()  # raises where it is gone
        shown = f"bundled:{path.relative_to(recipes_dir())}" if path.is_relative_to(recipes_dir()) else str(path)
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        amount = f"{_size(size)} in {len(files)} file{'' if len(files) == 1 else 's'}"
        if size > MAX_HASHED_BYTES:
            return Check(name, "ok", f"{shown}: {amount}, too large to be hashed here")
        return Check(name, "ok", f"{shown}: {amount}, sha256 {sha256_tree(path)[:16]}")
    except OSError as error:
        return Check(name, "warning", f"{path} cannot be read: {error.strerror}")


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
