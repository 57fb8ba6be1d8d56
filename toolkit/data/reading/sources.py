"""Collecting: every source of a recipe becomes rows with the place each came from, in a fixed order.

Each kind of source has its reader: `line_files` (JSON, CSV), `sheets`, `tables` (parquet, hf), `documents`, `forums`,
`tickets`; `sniff` finds out which. What cannot be read becomes a left-out row with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from toolkit.data.reading.documents import read_document_source
from toolkit.data.reading.forums import read_forum
from toolkit.data.reading.line_files import read_csv, read_jsonl
from toolkit.data.reading.sheets import read_sheet
from toolkit.data.reading.sniff import explicit_sources
from toolkit.data.reading.tables import read_hf, read_parquet
from toolkit.data.reading.tickets import read_tickets
from toolkit.data.rows import Dropped, Row
from toolkit.errors import DataError
from toolkit.options.sources import (
    CsvSource,
    DocumentsSource,
    ExplicitSource,
    ForumSource,
    HfSource,
    JsonlSource,
    ParquetSource,
    SheetSource,
    Source,
    TicketsSource,
)
from toolkit.records import sha256_text
from toolkit.runs.recorder import Recorder

SUFFIXES = {
    "jsonl": (".jsonl", ".json", ".ndjson", ".jsonl.gz", ".json.gz"),
    "csv": (".csv", ".tsv", ".csv.gz", ".tsv.gz"),
    "sheet": (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    "parquet": (".parquet",),
    "forum": (".xml", ".json", ".jsonl"),
    "tickets": (".json", ".jsonl"),
}
HOLDS = {
    "jsonl": "jsonl line",
    "csv": "csv line",
    "sheet": "row of a sheet",
    "tickets": "ticket",
    "parquet": "parquet row",
    "hf": "row",
    "documents": "titled section",
    "forum": "thread",
}


def read_sources(sources: Sequence[Source], strict: bool, recorder: Recorder) -> Iterator[Row | Dropped]:
    """All rows of all sources, in the order of the config, then of file names, then of lines.

    Raises:
        DataError: two sources share a name, a source holds no row at all, or (strict) a row cannot be read.
    """
    explicit = [found.source for found in explicit_sources(sources)]
    labels = [source.label for source in explicit]
    if len(set(labels)) < len(labels):
        raise DataError(
            f"Two sources are named {next(name for name in labels if labels.count(name) > 1)!r}; give each its own"
            " `name`."
        )
    count = 0
    for done, source in enumerate(explicit):
        recorder.progress("collect", done, len(explicit))
        before = count
        for item in _read(source):
            if strict and isinstance(item, Dropped) and item.unreadable:
                raise DataError(
                    f"{source.path}: {item.row.place}: {item.reason}. Correct it, or set strict to false to leave such"
                    " rows out."
                )
            yield _with_defaults(item, source, count)
            count += 1
            if count % 1000 == 0:
                recorder.check_stop()
        if count == before:
            raise DataError(
                f"The source {source.label!r} holds no row: {source.path} has no {HOLDS[source.type]}; check the path."
            )
    recorder.progress("collect", len(explicit), len(explicit))


def _read(source: ExplicitSource) -> Iterator[Row | Dropped]:
    if isinstance(source, DocumentsSource):
        yield from read_document_source(source)
    elif isinstance(source, HfSource):
        yield from read_hf(source)
    else:
        for path in _files(source.path, SUFFIXES[source.type]):
            yield from _read_file(path, path.relative_to(source.path.parent).as_posix(), source)


def _read_file(
    path: Path,
    name: str,
    source: JsonlSource | CsvSource | SheetSource | ParquetSource | ForumSource | TicketsSource,
) -> Iterator[Row | Dropped]:
    if isinstance(source, JsonlSource):
        return read_jsonl(path, name, source)
    if isinstance(source, CsvSource):
        return read_csv(path, name, source)
    if isinstance(source, SheetSource):
        return read_sheet(path, name, source)
    if isinstance(source, ParquetSource):
        return read_parquet(path, name, source)
    if isinstance(source, TicketsSource):
        return read_tickets(path, name, source)
    return read_forum(path, name, source)


def _files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """A file itself, whatever its name, or the files of that type below a folder, sorted, hidden ones left out."""
    if path.is_file():
        return [path]
    found = (file for file in path.rglob("*") if file.name.lower().endswith(suffixes) and file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))


def _with_defaults(item: Row | Dropped, source: ExplicitSource, position: int) -> Row | Dropped:
    """The row with its position and what the source says about all of its rows."""
    row = item.row if isinstance(item, Dropped) else item
    defaults = {"domain": source.domain, "language": source.language}
    meta = {"source": source.label, **{key: value for key, value in defaults.items() if value}, **row.meta}
    row = replace(row, position=position, meta=meta)
    return replace(item, row=row) if isinstance(item, Dropped) else row


def choose_ids(rows: Iterable[Row]) -> list[str]:
    """The final id of each row: the given one, else its id so far or a hash of question and steps; a given id that an
    earlier row has is prefixed with the source.
    """
    taken: set[str] = set()
    chosen = []
    for row in rows:
        digest = row.id or sha256_text(f"{row.prompt}\n{row.output}")[:16]
        choices = [row.given_id, f"{row.source}/{row.given_id}", digest] if row.given_id else [digest]
        # The same text twice has the same hash; one of the two falls to deduplication, and is known by its place until
        # then.
        identifier = next((choice for choice in choices if choice not in taken), f"{digest}-{row.position}")
        taken.add(identifier)
        chosen.append(identifier)
    return chosen
