"""The runs of a folder, read a bounded piece at a time: the newest first, live ones at every look."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from toolkit.run_folder.folder import RunFolder
from toolkit.runs.row import RunRow, read_row
from toolkit.runs.row_index import WORTH_FROM, RowIndex, Stamp, is_as_it_was, stamp_of, without_gc

# Ended runs and the folder itself are looked at this much less often than live runs; old ones among many still less.
SLOW_EVERY_S = 2.0
RECENT, OLD_EVERY_S = 300, 20.0
# A look takes about this long at most, so that the newest of ten thousand runs are on the screen at once.
PIECE_S = 0.15
KEPT_AT_ONCE = 1000  # rows that were read are kept for the next start, also before all of them are
# Of the first look; all others read metrics as well.
DEEP_AT_FIRST = 25


@dataclass(frozen=True)
class Snapshot:
    """All runs that were read, newest first, as of one look; `total` is how many there are."""

    rows: tuple[RunRow, ...] = ()
    problem: str = ""
    complete: bool = False  # whether every run was read, with its metrics
    total: int = 0

    @cached_property
    def live(self) -> tuple[RunRow, ...]:
        return tuple(row for row in self.rows if row.live)

    def find(self, path: Path) -> RunRow | None:
        return next((row for row in self.rows if row.path == path), None)


@dataclass
class _Known:
    row: RunRow
    stamp: Stamp
    checked: float


class Scanner:
    """Remembers rows of ended runs by the time of their folder's last change; reads live runs anew each time. Rows from
    the index of an earlier start are shown at once, and looked at again in their turn.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, _Known] = {}
        self._index = RowIndex(root)
        self._names: list[str] = []
        self._others: set[str] = set()  # folders that are no runs
        self._listed = -SLOW_EVERY_S
        self._problem = ""
        self._looks = 0
        # Those after the newest: gone through as often as the folder is listed, for even that takes its time.
        self._old: list[RunRow] = []
        self._old_complete, self._old_at = False, 0.0

    def scan(self) -> Snapshot:
        now = time.monotonic()
        if now - self._listed >= SLOW_EVERY_S:
            self._list()
            self._listed = now
        if not self._looks:
            self._take_up()
        until = time.monotonic() + PIECE_S
        rows, complete = self._rows(0, RECENT, now, until)
        if len(self._names) > RECENT:
            if not self._old_complete or now - self._old_at >= SLOW_EVERY_S:
                self._old, self._old_complete = self._rows(RECENT, len(self._names), now, until)
                self._old_at = now
            rows, complete = rows + self._old, complete and self._old_complete
        if complete or self._index.waiting >= KEPT_AT_ONCE:
            self._index.save()
        self._looks += 1
        total = sum(name not in self._others for name in self._names) if self._others else len(self._names)
        return Snapshot(tuple(rows), self._problem, complete, total)

    def _take_up(self) -> None:
        """What an earlier start has kept; with few runs reading them is as quick."""
        if len(self._names) >= WORTH_FROM:
            with without_gc():
                kept = self._index.read()
                for name in self._names:
                    if (indexed := kept.get(name)) is not None:
                        self._known[name] = _Known(indexed.row(self.root / name), indexed.stamp, -OLD_EVERY_S)

    def _rows(self, start: int, end: int, now: float, until: float) -> tuple[list[RunRow], bool]:
        """(rows, complete) of some of the names."""
        rows, complete = [], True
        for index, name in enumerate(self._names[start:end], start):
            row = self._row(name, index, now, until)
            complete = complete and (row.deep if row is not None else name in self._others)
            if row is not None:
                rows.append(row)
        return rows, complete

    def list_again(self) -> None:
        """List the folder and look at every run at the next look."""
        self._listed, self._old_complete = -SLOW_EVERY_S, False
        for known in self._known.copy().values():
            known.checked = -OLD_EVERY_S

    def _list(self) -> None:
        try:
            with os.scandir(self.root) as entries:
                found = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
            self._problem = ""
        except FileNotFoundError:
            found, self._problem = [], ""
        except OSError as error:
            found, self._problem = [], f"{self.root} cannot be read: {error.strerror}"
        # Of a name that is new, its turn to be read says whether it is a run: asking for all at once takes its time.
        self._others = {name for name in self._others & set(found) if not RunFolder(self.root / name).exists()}
        names = [name for name in found if name not in self._others]
        self._names = sorted(names, reverse=True)
        for gone in set(self._known) - set(names):
            del self._known[gone]

    def _row(self, name: str, index: int, now: float, until: float) -> RunRow | None:
        """None for what is no run, or was not read yet and has no time left in this look."""
        known = self._known.get(name)
        if known is not None and not known.row.live:
            every_s = SLOW_EVERY_S if index < RECENT else OLD_EVERY_S
            if known.row.deep and now - known.checked < every_s:
                return known.row
        if (known is None or not known.row.live) and time.monotonic() > until and self._known:
            return known.row if known else None
        path = self.root / name
        if known is None and not RunFolder(path).exists():
            self._others.add(name)
            return None
        if known is not None and known.row.state.is_ended and known.row.deep and is_as_it_was(path, known.stamp):
            known.checked = now
            self._index.keep(known.row, known.stamp)
            return known.row
        stamp = stamp_of(path)
        row = read_row(path, deep=self._looks > 0 or index < DEEP_AT_FIRST)
        self._known[name] = _Known(row, stamp, now)
        self._index.keep(row, stamp)
        return row
