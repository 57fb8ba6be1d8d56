"""The trash of a runs folder: what is deleted goes there first, says how large it is, and can be taken back.

It is the folder `.trash` in the runs folder, so that putting a run there is a rename, whatever its size.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import UsageError
from toolkit.records import read_json, write_json
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.refusals import RunAsItIs, require
from toolkit.terminal.numbers import as_finite

TRASH = ".trash"


@dataclass(frozen=True)
class Trashed:
    """A run in the trash: where it is, where it was, since when, and how large it is."""

    path: Path
    origin: Path
    time: float
    size: int

    @property
    def name(self) -> str:
        return self.origin.name


def require_removable(run: RunFolder) -> None:
    """Raises UsageError for a run that goes on."""
    require(RunAsItIs.read(run).no_deletion)


def put_in_trash(run: RunFolder) -> Trashed:
    """Move a run that is over into the trash of its runs folder.

    Raises:
        UsageError: it goes on, or may not be moved.
    """
    require_removable(run)
    place = _free_place(run.runs_root / TRASH / run.path.name)
    trashed = Trashed(place, run.path.absolute(), time.time(), size_of(run.path))
    try:
        place.parent.mkdir(exist_ok=True)
        write_json(
            run.trashed_file, {"from": str(trashed.origin), "time": round(trashed.time, 3), "size": trashed.size}
        )
        os.rename(run.path, place)
    except OSError as error:
        run.trashed_file.unlink(missing_ok=True)
        raise UsageError(
            f"{run.path} cannot be moved into {place.parent} ({error.strerror}); `steptune rm --now` deletes it"
            " at once."
        ) from None
    return trashed


def trashed_runs(root: Path) -> list[Trashed]:
    """What is in the trash of a runs folder, what came last first."""
    found = []
    with contextlib.suppress(OSError):
        for path in (root / TRASH).iterdir():
            row = read_json(RunFolder(path).trashed_file) or {}
            if path.is_dir():
                origin = Path(str(row.get("from") or root / path.name))
                found.append(
                    Trashed(path, origin, as_finite(row.get("time")) or 0.0, int(as_finite(row.get("size")) or 0))
                )
    return sorted(found, key=lambda one: one.time, reverse=True)


def take_back(trashed: Trashed) -> RunFolder:
    """Move a run to where it was. Raises UsageError where something else is there by now."""
    if trashed.origin.exists():
        raise UsageError(f"{trashed.origin} is there again; move it away before the run is taken back from the trash.")
    trashed.origin.parent.mkdir(parents=True, exist_ok=True)
    os.rename(trashed.path, trashed.origin)
    run = RunFolder(trashed.origin)
    run.trashed_file.unlink(missing_ok=True)
    return run


def empty_trash(trashed: Iterable[Trashed]) -> int:
    """Delete runs in the trash for good; returns the bytes that were theirs."""
    size = 0
    for one in trashed:
        shutil.rmtree(one.path)
        size += one.size
    return size


def remove_now(run: RunFolder) -> None:
    """Delete the folder of a run that is over, past the trash. Raises UsageError for a run that goes on."""
    require_removable(run)
    shutil.rmtree(run.path)


def size_of(path: Path) -> int:
    """Bytes of a folder's files; links are not followed."""
    size = 0
    for folder, _folders, files in os.walk(path, onerror=lambda _error: None):
        for name in files:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(folder, name)).st_size
    return size


def _free_place(path: Path) -> Path:
    """A name that nothing in the trash has."""
    number, place = 1, path
    while place.exists():
        number += 1
        place = path.with_name(f"{path.name}.{number}")
    return place
