"""Collecting: every source of a recipe becomes rows with the place each came from, in a fixed order.

Reads JSONL and CSV here, documents through `toolkit.data.documents`. What cannot be read becomes a left-out row with
its reason; memory stays bounded by one line, whatever the file holds.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from toolkit.data.documents import read_document_source
from toolkit.data.rows import META_KEYS, Batch, Dropped, Row
from toolkit.data.text_lines import MAX_LINE_BYTES, Fault, text_lines
from toolkit.errors import DataError
from toolkit.records import sha256_text
from toolkit.runs.recorder import Recorder


@dataclass(frozen=True)
class Source:
    """One source as the recipe names it. `prompt_field`, `output_field`: keys or columns; not used for documents."""

    type: Literal["jsonl", "csv", "documents"]
    path: Path
    name: str = ""
    licence: str = ""
    domain: str = ""
    language: str = ""
    encoding: str = "utf-8"
    prompt_field: str = "prompt"
    output_field: str = "output"
    delimiter: str = ","

    @property
    def label(self) -> str:
        return self.name or self.path.name


def collect(sources: list[Source], strict: bool, recorder: Recorder) -> Batch:
    """All rows of all sources in one batch.

    Raises:
        DataError: as `read_sources`.
    """
    return Batch([]).sift(read_sources(sources, strict, recorder))


def read_sources(sources: list[Source], strict: bool, recorder: Recorder) -> Iterator[Row | Dropped]:
    """All rows of all sources, in the order of the config, then of file names, then of lines.

    Raises:
        DataError: two sources share a name, a source holds no row at all, or (strict) a row cannot be read.
    """
    labels = [source.label for source in sources]
    if len(set(labels)) < len(labels):
        raise DataError(f"Two sources are named {next(name for name in labels if labels.count(name) > 1)!r}; give each its own `name`.")
    count = 0
    for done, source in enumerate(sources):
        recorder.progress("collect", done, len(sources))
        before = count
        for item in _read(source):
            if strict and isinstance(item, Dropped) and item.unreadable:
                raise DataError(f"{source.path}: {item.row.place}: {item.reason}. Mend it, or set strict to false to leave such rows out.")
            yield _with_defaults(item, source, count)
            count += 1
            if count % 1000 == 0:
                recorder.check_stop()
        if count == before:
            raise DataError(
                f"The source {source.label!r} holds no row: {source.path} has no {'titled section' if source.type == 'documents' else f'{source.type} line'}; check the path."
            )
    recorder.progress("collect", len(sources), len(sources))


def _read(source: Source) -> Iterator[Row | Dropped]:
    if source.type == "documents":
        yield from read_document_source(source.path, source.label, source.language, source.encoding)
        return
    read = _read_jsonl if source.type == "jsonl" else _read_csv
    base = source.path.parent
    for path in _files(source.path, f".{source.type}"):
        yield from read(path, path.relative_to(base).as_posix(), source)


def _files(path: Path, suffix: str) -> list[Path]:
    """A file itself, whatever its name, or the files of that type below a folder, sorted, hidden ones left out."""
    if path.is_file():
        return [path]
    found = (file for file in path.rglob(f"*{suffix}") if file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))


def _with_defaults(item: Row | Dropped, source: Source, position: int) -> Row | Dropped:
    """The row with its position and what the source says about all of its rows."""
    row = item.row if isinstance(item, Dropped) else item
    defaults = {"domain": source.domain, "language": source.language}
    meta = {"source": source.label, **{key: value for key, value in defaults.items() if value}, **row.meta}
    row = replace(row, position=position, meta=meta)
    return replace(item, row=row) if isinstance(item, Dropped) else row


def _read_jsonl(path: Path, name: str, source: Source) -> Iterator[Row | Dropped]:
    for number, text in text_lines(path, source.encoding):
        blank = Row(source.label, f"{name}:{number}")
        if isinstance(text, Fault):
            yield Dropped(blank, text.reason, unreadable=True)
        elif text.strip():
            yield _json_row(text, blank, source)


def _json_row(text: str, blank: Row, source: Source) -> Row | Dropped:
    try:
        record = json.loads(text.rstrip())
    except json.JSONDecodeError as error:
        return Dropped(blank, f"not valid JSON ({error.msg} at column {error.colno})", unreadable=True)
    except (RecursionError, ValueError):
        return Dropped(blank, "not valid JSON (nested too deeply or a number too long)", unreadable=True)
    if not isinstance(record, dict):
        return Dropped(blank, f"found a {type(record).__name__} where a JSON object was expected", unreadable=True)
    return _record_row(record, blank, source)


def _read_csv(path: Path, name: str, source: Source) -> Iterator[Row | Dropped]:
    """Rows of a CSV file by its header line; the place is the line on which the row ends."""
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
            header = _csv_header(cells, path, source)
        elif header is not None and any(cell.strip() for cell in cells):
            yield _record_row(dict(zip(header, cells, strict=False)), Row(source.label, f"{name}:{at[0]}"), source)


def _csv_header(cells: list[str], path: Path, source: Source) -> list[str]:
    header = [cell.strip() for cell in cells]
    missing = [column for column in (source.prompt_field, source.output_field) if column not in header]
    if missing:
        raise DataError(
            f"{path}:1: there is no column {missing[0]!r}; the header line has: {', '.join(header)}. Set prompt_field, output_field or delimiter of the source."
        )
    return header


def _record_row(record: dict[str, Any], blank: Row, source: Source) -> Row | Dropped:
    """A row from a JSON object or a CSV line. A list of texts as output is taken as the steps."""
    prompt: Any = record.get(source.prompt_field)
    output: Any = record.get(source.output_field)
    if isinstance(output, list) and all(isinstance(step, str) for step in output):
        output = "\n".join(f"{number}. {' '.join(step.split())}" for number, step in enumerate(output, start=1))
    given_id = record.get("id")
    row = replace(blank, given_id=str(given_id) if isinstance(given_id, (str, int)) else "", meta=_meta(record))
    for key, value in ((source.prompt_field, prompt), (source.output_field, output)):
        if not isinstance(value, str):
            found = "is missing" if value is None else f"is a {type(value).__name__}, not a text"
            return Dropped(row, f"`{key}` {found}", unreadable=True)
        if "\0" in value:
            return Dropped(row, f"NUL byte in `{key}`", unreadable=True)
        if not value.strip():
            return Dropped(row, f"`{key}` is empty", unreadable=True)
        if not _is_unicode(value):
            return Dropped(row, f"`{key}` holds half of a surrogate pair, which is not text", unreadable=True)
    return replace(row, prompt=prompt, output=output)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _meta(record: dict[str, Any]) -> dict[str, str]:
    """The known meta keys of a record, from its `meta` object or beside the question; others are left behind."""
    inner = record.get("meta")
    values = {**record, **inner} if isinstance(inner, dict) else record
    return {key: str(values[key]).strip() for key in META_KEYS if isinstance(values.get(key), (str, int)) and str(values[key]).strip()}


def name_rows(batch: Batch) -> Batch:
    """Rows with their final ids."""
    return Batch([replace(row, id=identifier) for row, identifier in zip(batch.kept, choose_ids(batch.kept), strict=True)], batch.dropped)


def choose_ids(rows: Iterable[Row]) -> list[str]:
    """The final id of each row: the given one, else its id so far or a hash of question and steps; a given id that an earlier row has gets the source in front."""
    taken: set[str] = set()
    chosen = []
    for row in rows:
        digest = row.id or sha256_text(f"{row.prompt}\n{row.output}")[:16]
        choices = [row.given_id, f"{row.source}/{row.given_id}", digest] if row.given_id else [digest]
        # The same text twice has the same hash; one of the two falls to deduplication, and is known by its place until then.
        identifier = next((choice for choice in choices if choice not in taken), f"{digest}-{row.position}")
        taken.add(identifier)
        chosen.append(identifier)
    return chosen
