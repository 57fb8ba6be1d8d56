"""JSON and CSV files as rows: memory stays bounded by one line, whatever the file holds."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.data.reading.json_files import json_records
from toolkit.data.reading.record_rows import columns_read, record_rows
from toolkit.data.rows import Dropped, Row
from toolkit.errors import DataError
from toolkit.options.sources import CsvSource, JsonlSource, RecordOptions
from toolkit.text_files import MAX_LINE_BYTES, Fault, text_lines

SEPARATOR_LINE = "sep="


def read_jsonl(path: Path, name: str, source: JsonlSource) -> Iterator[Row | Dropped]:
    """A row for each record; places are `name:line`, or `name:number` where records are not one a line."""
    for place, record in json_records(path, name, source.encoding, source.records):
        blank = Row(source.label, place)
        if isinstance(record, Fault):
            yield Dropped(blank, record.reason, unreadable=True)
        else:
            yield from record_rows(record, blank, source)


@dataclass
class _Lines:
    """The readable lines of a table; `at` is the number of the latest, `faults` those that cannot be read."""

    path: Path
    encoding: str
    at: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)

    def read(self) -> Iterator[str]:
        for number, text in text_lines(self.path, self.encoding):
            self.at = number
            if isinstance(text, Fault):
                self.faults.append((number, text.reason))
            else:
                yield text


def read_csv(path: Path, name: str, source: CsvSource) -> Iterator[Row | Dropped]:
    """Rows of a CSV file by its header line; the place is the line on which the row ends.

    Raises:
        DataError: the header lacks the column of the question or of the answer, or has it twice.
    """
    header: list[str] | None = None
    for at, cells in _table(path, source):
        blank = Row(source.label, f"{name}:{at}")
        if isinstance(cells, Fault):
            yield Dropped(blank, cells.reason, unreadable=True)
        elif header is None and cells:
            header = [cell.strip() for cell in cells]
            require_columns(f"{path}:{at}", header, source, "the header line has")
        elif header is not None and any(cell.strip() for cell in cells):
            yield from _cells_row(header, cells, blank, source)


def _table(path: Path, source: CsvSource) -> Iterator[tuple[int, list[str] | Fault]]:
    """Each row's cells with the line on which it ends, and each line that cannot be read."""
    lines = _Lines(path, source.encoding)
    readable = lines.read()
    first = next(readable, "")
    delimiter = source.delimiter
    if first.lower().startswith(SEPARATOR_LINE) and len(first.strip()) <= len(SEPARATOR_LINE) + 1:
        delimiter = first.rstrip("\r\n")[len(SEPARATOR_LINE) :] or delimiter
        first = ""
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(_with_first(first, readable), delimiter=delimiter, strict=True)
    while True:
        try:
            cells: list[str] | Fault | None = next(reader, None)
        except csv.Error as error:
            cells = Fault(f"not valid CSV ({error})")
        yield from ((number, Fault(reason)) for number, reason in lines.faults)
        lines.faults.clear()
        if cells is None:
            return
        yield lines.at, cells


def _with_first(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest


def _cells_row(header: list[str], cells: list[str], blank: Row, source: CsvSource) -> Iterator[Row | Dropped]:
    """A row of as many cells as the header has; further ones may be there if they are empty, as nothing is cut then."""
    if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
        found = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        reason = f"{found} where the header line has {len(header)}"
        yield Dropped(blank, f"{reason}; quote cells that hold {source.delimiter!r}", unreadable=True)
        return
    yield from record_rows(dict(zip(header, cells, strict=False)), blank, source)


def require_columns(place: str, found: list[str], source: RecordOptions, they_have: str) -> None:
    """Raise DataError unless the columns of question and answer, and those of the map, are among `found`, once each."""
    for column in columns_read(source):
        if column not in found and column.split(".")[0] not in found:
            raise DataError(
                f"{place}: there is no column {column!r}; {they_have}: {', '.join(found)}. Set prompt_field,"
                " output_field or columns of the source" + (", or its delimiter." if "header" in they_have else ".")
            )
        if Counter(found)[column] > 1:
            places = " and ".join(str(at) for at, name in enumerate(found, start=1) if name == column)
            raise DataError(
                f"{place}: the columns {places} are both named {column!r}; give each a name of its own, so that it is"
                " known which one is meant."
            )
