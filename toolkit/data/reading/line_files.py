"""JSONL and CSV files as rows, a line at a time: memory stays bounded by one line, whatever the file holds."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from toolkit.data.reading.record_rows import record_row
from toolkit.data.reading.text_lines import MAX_LINE_BYTES, Fault, text_lines
from toolkit.data.rows import Dropped, Row
from toolkit.errors import DataError
from toolkit.options.sources import CsvSource, JsonlSource, RecordOptions


def read_jsonl(path: Path, name: str, source: JsonlSource) -> Iterator[Row | Dropped]:
    """A row for each line that is not blank; places are `name:line`."""
    for number, text in text_lines(path, source.encoding):
        blank = Row(source.label, f"{name}:{number}")
        if isinstance(text, Fault):
            yield Dropped(blank, text.reason, unreadable=True)
        elif text.strip():
            yield _json_row(text, blank, source)


def _json_row(text: str, blank: Row, source: RecordOptions) -> Row | Dropped:
    record = parse_json(text.rstrip())
    if isinstance(record, Fault):
        return Dropped(blank, record.reason, unreadable=True)
    if not isinstance(record, dict):
        return Dropped(blank, f"found a {type(record).__name__} where a JSON object was expected", unreadable=True)
    return record_row(record, blank, source)


def parse_json(text: str) -> object | Fault:
    """The JSON value of a text, or why it is none."""
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        return Fault(f"not valid JSON ({error.msg} at column {error.colno})")
    except (RecursionError, ValueError):
        return Fault("not valid JSON (nested too deeply or a number too long)")
    return value


def read_csv(path: Path, name: str, source: CsvSource) -> Iterator[Row | Dropped]:
    """Rows of a CSV file by its header line; the place is the line on which the row ends.

    Raises:
        DataError: the header lacks the column of the question or of the answer.
    """
    faults: list[Dropped] = []
    at = [0]

    def readable() -> Iterator[str]:
        for number, text in text_lines(path, source.encoding):
            at[0] = number
            if isinstance(text, Fault):
                faults.append(Dropped(Row(source.label, f"{name}:{number}"), text.reason, unreadable=True))
            else:
                yield text

    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(readable(), delimiter=source.delimiter, strict=True)
    header: list[str] | None = None
    while True:
        row: Row | Dropped | None = None
        try:
            cells = next(reader, None)
        except csv.Error as error:
            cells, row = [], Dropped(Row(source.label, f"{name}:{at[0]}"), f"not valid CSV ({error})", unreadable=True)
        yield from faults
        faults.clear()
        if row is not None:
            yield row
        elif cells is None:
            return
        elif header is None and cells:
            header = [cell.strip() for cell in cells]
            require_columns(f"{path}:1", header, source, "the header line has")
        elif header is not None and any(cell.strip() for cell in cells):
            yield record_row(dict(zip(header, cells, strict=False)), Row(source.label, f"{name}:{at[0]}"), source)


def require_columns(place: str, found: list[str], source: RecordOptions, they_have: str) -> None:
    """Raise DataError unless the columns of question and answer, and those of the map, are among `found`."""
    for column in (source.prompt_field, source.output_field, *source.columns.values()):
        if column not in found and column.split(".")[0] not in found:
            raise DataError(
                f"{place}: there is no column {column!r}; {they_have}: {', '.join(found)}. Set prompt_field,"
                " output_field or columns of the source" + (", or its delimiter." if "header" in they_have else ".")
            )
