"""Rows on the disk: parts of some thousand rows, a JSON line each, read one at a time, so that a million rows need no
memory of their own.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import overload

from toolkit.data.rows import Dropped, Row, Selected
from toolkit.records import JSON, iter_jsonl, write_jsonl

_DEFAULTS = {field.name: field.default for field in fields(Row)}


def part_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06}.jsonl"


def write_part(path: Path, items: Iterable[Row | Dropped]) -> None:
    """Write a part atomically: a line for each row, those left out with their reason and without their text."""
    write_jsonl(path, (_to_json(item) for item in items))


def read_part(path: Path) -> Iterator[Row | Dropped]:
    return (_from_json(line) for line in iter_jsonl(path))


def _to_json(item: Row | Dropped) -> JSON:
    if isinstance(item, Dropped):
        left_out = {"reason": item.reason, "kept_for": item.kept_for, "unreadable": item.unreadable}
        return {"left_out": left_out, **_to_json(replace(item.row, prompt="", output=""))}
    return {name: value for name, default in _DEFAULTS.items() if (value := getattr(item, name)) and value != default}


def _from_json(line: JSON) -> Row | Dropped:
    left_out = line.pop("left_out", None)
    for name in ("lineage", "notes"):
        if name in line:
            line[name] = tuple(line[name])
    row = Row(**line)
    return row if left_out is None else Dropped(row, **left_out)


class StoredRows(Sequence[Row]):
    """The rows of part files that were not left out, in order; `dropped` holds those that were.

    `ids` replaces the rows' own ids. Holds 8 bytes a row and one open part; iterating reads each part once.
    """

    def __init__(self, parts: Sequence[Path], ids: Sequence[str] | None = None) -> None:
        self.dropped: list[Dropped] = []
        self.ids = ids
        self.parts = parts
        self._first: list[int] = []  # number of each part's first row
        self._places: list[array[int]] = []  # byte offsets of the rows in each part
        count = 0
        for path in parts:
            self._first.append(count)
            places = array("q", self._scan(path))
            self._places.append(places)
            count += len(places)
        self._count = count

    def _scan(self, path: Path) -> Iterator[int]:
        offset = 0
        with path.open("rb") as file:
            for raw in file:
                if raw.startswith(b'{"left_out"'):
                    item = _from_json(json.loads(raw))
                    assert isinstance(item, Dropped)
                    self.dropped.append(item)
                else:
                    yield offset
                offset += len(raw)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        at = 0
        for path in self.parts:
            for item in read_part(path):
                if isinstance(item, Row):
                    yield self._named(item, at)
                    at += 1

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        if isinstance(at, slice):
            return Selected(self, range(*at.indices(self._count)))
        if not -self._count <= at < self._count:
            raise IndexError(at)
        at %= self._count
        part = _last_at_or_before(self._first, at)
        raw = _bytes_of(self.parts[part])
        start = self._places[part][at - self._first[part]]
        row = _from_json(json.loads(raw[start : raw.index(b"\n", start)]))
        assert isinstance(row, Row)
        return self._named(row, at)

    def _named(self, row: Row, at: int) -> Row:
        return row if self.ids is None else replace(row, id=self.ids[at])


def _last_at_or_before(firsts: list[int], at: int) -> int:
    """The part that holds a row: the last one that starts at or before it and is not empty."""
    low, high = 0, len(firsts) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if firsts[middle] <= at else (low, middle - 1)
    return low


@lru_cache(maxsize=64)
def _bytes_of(path: Path) -> bytes:
    return path.read_bytes()
