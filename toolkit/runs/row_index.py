"""The rows of ended runs, kept in a file of the runs folder, so that ten thousand runs need not be read at every start.

A cache and never the truth: a row counts only while the files that it was read from are as they were (`stamp_of`), and
whatever is damaged, of another version or missing is read from the run folders again. Each user has a file of their
own, for their eyes only: nobody is shown what somebody else wrote, or a run that they may not read. Lines are appended,
each with its checksum, so that several programs may write at once, on several machines; what gets lost is read again.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import stat
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from toolkit import __version__
from toolkit.run_folder.documents import Note
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.row import RunRow, read_row

WORTH_FROM = 50  # ended runs; fewer are read as quickly as the file would be
# A file system may give two changes within this time the same stamp.
RACY_S = 2.0
_LONGEST_FILE = 256 << 20  # bytes; more is not read
# Lines that say nothing any more, for each one that does, before the file is written anew.
_DEAD_PER_LINE = 0.25

Stamp = tuple[int, ...]
_NEEDED = ("", "/run.json", "/result.json")
_FILES = (*_NEEDED, "/metrics.jsonl", "/notes.jsonl")
_ABSENT = (0, 0, 0)
_FIELDS = tuple(field.name for field in fields(RunRow))
_SEED = zlib.crc32(repr((1, __version__, _FIELDS)).encode())


@dataclass(frozen=True, slots=True)
class Indexed:
    """A row as it was kept, and what its files were like when it was read."""

    values: list[Any]
    stamp: Stamp

    def row(self, path: Path) -> RunRow:
        """As the row of this folder."""
        return _from_json(self.values, path)


class RowIndex:
    """The file of one runs folder. Nothing here raises: without the file everything works, and takes longer."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / f".rows-{os.geteuid()}.index"
        self._stamps: dict[str, Stamp] = {}
        self._lines: dict[str, bytes] = {}  # not written yet

    @property
    def waiting(self) -> int:
        """How many rows are not written yet."""
        return len(self._lines)

    def read(self) -> dict[str, Indexed]:
        """The rows by the name of the run's folder, the newest of each; a file with too much dead in it is put in
        order.
        """
        found: dict[str, Indexed] = {}
        lines = 0
        with contextlib.suppress(OSError):
            for lines, line in enumerate(self._read_lines(), 1):  # noqa: B007
                with contextlib.suppress(ValueError, TypeError, KeyError, IndexError, RecursionError):
                    name, indexed = _parse(line)
                    found[name] = indexed
        self._stamps = {name: indexed.stamp for name, indexed in found.items()}
        if lines > (1 + _DEAD_PER_LINE) * len(found) + WORTH_FROM:
            self._write_anew(found)
        return found

    def keep(self, row: RunRow, stamp: Stamp) -> None:
        """Remember a row for the next `save`, if it is one that can be: of a run that ended, whole, not just now."""
        name = row.path.name
        if not stamp or not _is_settled(row) or self._stamps.get(name) == stamp:
            return
        if time.time() - max(stamp[::3]) / 1e9 < RACY_S:
            return
        self._stamps[name] = stamp
        self._lines[name] = _line(name, _to_json(row, row.path), stamp)

    def save(self) -> None:
        """Append what was kept since the last time."""
        if not self._lines or len(self._stamps) < WORTH_FROM:
            return
        lines, self._lines = self._lines, {}
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        with contextlib.suppress(OSError):
            handle = os.open(self.file, flags, 0o600)
            with os.fdopen(handle, "wb") as file:
                if _is_own(handle):  # a line that a full disk tore is ended first
                    file.write(b"\n" + b"".join(lines.values()))

    def _read_lines(self) -> Iterator[bytes]:
        handle = os.open(self.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if _is_own(handle) and os.fstat(handle).st_size <= _LONGEST_FILE:
                yield from (line for line in file if line != b"\n")

    def _write_anew(self, found: dict[str, Indexed]) -> None:
        """With the runs that are still there."""
        there = {name: indexed for name, indexed in found.items() if RunFolder(self.root / name).exists()}
        with contextlib.suppress(OSError):
            handle, temporary = tempfile.mkstemp(dir=self.root, prefix=f"{self.file.name}.")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.writelines(_line(name, indexed.values, indexed.stamp) for name, indexed in there.items())
                os.replace(temporary, self.file)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)


def read_rows(root: Path) -> list[RunRow]:
    """The rows of all runs of a folder, newest first. What the index has as it is now is not read.

    Raises:
        OSError: the folder is there and cannot be listed.
    """
    try:
        names = sorted((name for name in os.listdir(root) if not name.startswith(".")), reverse=True)
    except FileNotFoundError:
        return []
    index = RowIndex(root)
    rows = []
    with without_gc():
        known = index.read() if len(names) >= WORTH_FROM else {}
        for name in names:
            path = root / name
            indexed = known.get(name)
            if indexed is not None and is_as_it_was(path, indexed.stamp):
                rows.append(indexed.row(path))
            elif RunFolder(path).exists():
                stamp = stamp_of(path)
                rows.append(read_row(path))
                index.keep(rows[-1], stamp)
    index.save()
    return rows


@contextlib.contextmanager
def without_gc() -> Iterator[None]:
    """Tens of thousands of objects come at once and stay: to go through them again and again would take as long."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def stamp_of(path: Path) -> Stamp:
    """Changes with whatever the row of an ended run is read from: times of change, sizes and numbers of the folder,
    its documents, and those of its stages. () for a run that has not ended.
    """
    base = os.fspath(path)
    found: list[int] = []
    for name in _FILES:
        try:
            found += _of_file(os.stat(base + name))
        except OSError:
            if name in _NEEDED:
                return ()
            found += _ABSENT
    with contextlib.suppress(OSError):
        stages = sorted(os.listdir(base + "/stages"))
        found += _of_file(os.stat(base + "/events.jsonl"))
        for stage in stages:
            found += stamp_of(path / "stages" / stage) or _of_file(os.stat(f"{base}/stages/{stage}"))
    return tuple(found)


def is_as_it_was(path: Path, stamp: Stamp) -> bool:
    """Whether `stamp_of` would give the same. While the folder's own time stands, nothing was added to it, and what was
    not there need not be looked for.
    """
    base = os.fspath(path)
    try:
        for at, name in enumerate(_FILES):
            part = stamp[3 * at : 3 * at + 3]
            if part != _ABSENT and part != _of_file(os.stat(base + name)):
                return False
    except OSError:
        return False
    return bool(stamp) and (len(stamp) == 3 * len(_FILES) or stamp == stamp_of(path))


def _of_file(found: os.stat_result) -> Stamp:
    return found.st_mtime_ns, found.st_size, found.st_ino


def _is_settled(row: RunRow) -> bool:
    """Whether nothing of it changes by itself."""
    return (
        row.deep
        and row.state.is_ended
        and all(stage.state is State.UNCHANGED or _is_settled(stage) for stage in row.stages)
    )


def _is_own(handle: int) -> bool:
    found = os.fstat(handle)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def _line(name: str, values: list[Any], stamp: Stamp) -> bytes:
    said = json.dumps([name, stamp, values], separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(said, _SEED), said)


def _parse(line: bytes) -> tuple[str, Indexed]:
    """Raises ValueError and its like for a line that is damaged, torn or of another version."""
    said = line[9:-1]
    if int(line[:8], 16) != zlib.crc32(said, _SEED):
        raise ValueError("not the line that was written")
    name, stamp, values = json.loads(said.decode())
    if len(values) != len(_FIELDS):
        raise ValueError("not the values of a row")
    return name, Indexed(values, tuple(stamp))


def _to_json(row: RunRow, base: Path) -> list[Any]:
    """The values in the order of the fields. The paths of stages are told from their pipeline: a runs folder may be
    moved.
    """
    values = {name: getattr(row, name) for name in _FIELDS}
    inside = row.path.is_relative_to(base)
    values["path"] = os.fspath(row.path.relative_to(base) if inside else row.path)
    values["notes"] = [[note.time, note.text] for note in row.notes]
    values["stages"] = [_to_json(stage, base) for stage in row.stages]
    return list(values.values())


def _from_json(found: list[Any], base: Path) -> RunRow:
    values = dict(zip(_FIELDS, found, strict=True))
    values["path"] = base if values["path"] == "." else base / values["path"]
    values["state"] = State(values["state"])
    for name in ("recipe", "model", "host", "user", "phase"):  # thousands of runs share few of them
        values[name] = sys.intern(values[name])
    values["numbers"] = {sys.intern(name): value for name, value in values["numbers"].items()}
    for name in ("tags", "worth_a_look"):
        values[name] = tuple(values[name])
    values["notes"] = tuple([Note(*note) for note in values["notes"]])
    values["stages"] = tuple([_from_json(stage, base) for stage in values["stages"]])
    return RunRow(**values)
