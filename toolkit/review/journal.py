"""The journal of one person's decisions: appended and synced to disk one by one, undone by entries, never by erasing.

A line is `{"n", "time", "kind", ...}`; `n` counts from 1. `undo` and `redo` entries name the entry they are about. A
decision is acknowledged once `append` returns: from then on kill -9 and a power cut lose nothing. One process writes a
journal at a time (flock, which the kernel lets go when a process dies).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit.appending import AppendedFile
from toolkit.errors import DiskFullError, UsageError
from toolkit.records import JSON, dump_line, read_growing_jsonl

UNDO, REDO = "undo", "redo"


def check_name(name: str) -> str:
    """A person's name as it becomes part of a file name.

    Raises:
        UsageError: empty, too long, or with characters that a file name should not have.
    """
    if not re.fullmatch(r"[\w][\w.@+-]{0,63}", name):
        raise UsageError(
            f"{name!r} cannot be used as a name; expected 1 to 64 letters, digits or any of . _ - @ +, beginning with a"
            " letter or digit."
        )
    return name


def timed_entry(entries: list[JSON], kind: str, fields: JSON) -> JSON:
    """The usual form of the next entry."""
    return {"n": len(entries) + 1, "time": round(time.time(), 3), "kind": kind, **fields}


class Journal(AppendedFile):
    """Opened for writing; use it as a context manager or call `close`. `make_entry` may give entries another form than
    the usual.

    Raises (when opened):
        UsageError: another process writes this journal.
    """

    def __init__(self, path: Path, make_entry: Callable[[list[JSON], str, JSON], JSON] = timed_entry) -> None:
        is_new = not path.exists()
        super().__init__(
            path, f"{path.stem} is open in another window or process; close it there, or work under another name."
        )
        self._make_entry = make_entry
        if is_new:
            _sync_folder(path.parent)
        self._remove_torn_line()
        self.entries = read_journal(path)

    def append(self, kind: str, **fields: Any) -> JSON:
        """Write one entry and return it; it is on the disk by then.

        Raises:
            DiskFullError: it could not be written; the journal is as before.
        """
        entry = self._make_entry(self.entries, kind, fields)
        size = os.fstat(self._file.fileno()).st_size
        try:
            self._file.write(dump_line(entry).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            os.ftruncate(self._file.fileno(), size)
            raise DiskFullError(
                f"The decision could not be written to {self.path} ({error.strerror}); free some space and decide"
                " again."
            ) from error
        self.entries.append(entry)
        return entry

    def undo(self) -> JSON | None:
        """Take back the last standing entry and return it; None if there is none."""
        standing = standing_entries(self.entries)
        if not standing:
            return None
        self.append(UNDO, undoes=standing[-1]["n"])
        return standing[-1]

    def redo(self) -> JSON | None:
        """Bring back what the last undo took away, unless something was decided since; returns it, or None."""
        taken_back = _taken_back(self.entries)
        if not taken_back:
            return None
        entry = self.entries[taken_back[-1] - 1]
        self.append(REDO, redoes=entry["n"])
        return entry

    @property
    def standing(self) -> list[JSON]:
        """The entries that count, oldest first."""
        return standing_entries(self.entries)

    def _remove_torn_line(self) -> None:
        """A line that a crash cut off was never acknowledged; without it the next one starts a new line."""
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._file.fileno(), whole)


def read_journal(path: Path) -> list[JSON]:
    """All entries of a journal, undone ones too, also while somebody is writing it; [] if there is none."""
    return [entry for entry in read_growing_jsonl(path) if isinstance(entry.get("kind"), str)]


def standing_entries(entries: list[JSON]) -> list[JSON]:
    """The entries that no undo has taken back, oldest first, without the undo and redo entries themselves."""
    gone: set[int] = set()
    for entry in entries:
        if entry["kind"] == UNDO:
            gone.add(entry["undoes"])
        elif entry["kind"] == REDO:
            gone.discard(entry["redoes"])
    return [entry for entry in entries if entry["kind"] not in (UNDO, REDO) and entry["n"] not in gone]


def _taken_back(entries: list[JSON]) -> list[int]:
    """Numbers of the entries that undo took back since the last decision, in that order."""
    stack: list[int] = []
    for entry in entries:
        if entry["kind"] == UNDO:
            stack.append(entry["undoes"])
        elif entry["kind"] == REDO:
            stack.remove(entry["redoes"])
        else:
            stack.clear()
    return stack


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
