"""The list of runs, kept up to date for the price of a few stat calls. Polling, because inotify does not see writers on
NFS.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from toolkit.run_folder.folder import RunFolder
from tui.logic.run_row import RunRow, read_row

# Ended runs and the folder itself are looked at this much less often than live runs.
SLOW_EVERY_S = 2.0
DEEP_PER_SCAN = 25


@dataclass(frozen=True)
class Snapshot:
    """All runs, newest first, as of one look."""

    rows: tuple[RunRow, ...] = ()
    problem: str = ""
    complete: bool = False  # whether every row's metrics were looked at

    @property
    def live(self) -> tuple[RunRow, ...]:
        return tuple(row for row in self.rows if row.live)

    def find(self, path: Path) -> RunRow | None:
        return next((row for row in self.rows if row.path == path), None)


@dataclass
class _Known:
    row: RunRow
    stamp: tuple[int, int, int]
    checked: float


class Scanner:
    """Remembers rows of ended runs by their result.json; reads live runs anew each time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, _Known] = {}
        self._names: list[str] = []
        self._listed = -SLOW_EVERY_S
        self._problem = ""

    def scan(self) -> Snapshot:
        now = time.monotonic()
        if now - self._listed >= SLOW_EVERY_S:
            self._list()
            self._listed = now
        deep_left = DEEP_PER_SCAN
        rows, complete = [], True
        for name in self._names:
            row = self._row(name, now, deep_left > 0)
            if row.deep and self._known[name].checked == now:
                deep_left -= 1
            complete = complete and row.deep
            rows.append(row)
        return Snapshot(tuple(rows), self._problem, complete)

    def _list(self) -> None:
        try:
            with os.scandir(self.root) as entries:
                found = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
            self._problem = ""
        except FileNotFoundError:
            found, self._problem = [], ""
        except OSError as error:
            found, self._problem = [], f"{self.root} cannot be read: {error.strerror}"
        names = [name for name in found if name in self._known or _is_run(self.root / name)]
        self._names = sorted(names, reverse=True)
        for gone in set(self._known) - set(names):
            del self._known[gone]

    def _row(self, name: str, now: float, may_go_deep: bool) -> RunRow:
        path = self.root / name
        known = self._known.get(name)
        if known is not None and not known.row.live:
            if known.row.deep and now - known.checked < SLOW_EVERY_S:
                return known.row
            stamp = _stamp(path)
            if stamp == known.stamp and (known.row.deep or not may_go_deep) and known.row.state.is_ended:
                known.checked = now if known.row.deep else known.checked
                return known.row
        stamp = _stamp(path)
        row = read_row(path, deep=may_go_deep)
        self._known[name] = _Known(row, stamp, now)
        return row


def _is_run(path: Path) -> bool:
    try:
        os.stat(RunFolder(path).info_file)
        return True
    except PermissionError:
        return True
    except OSError:
        return False


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(RunFolder(path).result_file)
        return found.st_ino, found.st_size, found.st_mtime_ns
    except OSError:
        return 0, 0, 0
