"""Collecting: every source of a recipe becomes rows with the place each came from, in a fixed order.

Each kind of source has its reader: `line_files` (JSONL, CSV), `tables` (parquet, hf), `documents`, `forums`. What
cannot be read becomes a left-out row with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from toolkit.data.reading.documents import read_document_source
from toolkit.data.reading.forums import read_forum
from toolkit.data.reading.line_files import read_csv, read_jsonl
from toolkit.data.reading.record_rows import Columns
from toolkit.data.reading.tables import read_hf, read_parquet
from toolkit.data.rows import Dropped, Row
from toolkit.errors import DataError
from toolkit.records import sha256_text
from toolkit.runs.recorder import Recorder

SUFFIXES = {
    "jsonl": frozenset({".jsonl"}),
    "csv": frozenset({".csv"}),
    "parquet": frozenset({".parquet"}),
    "forum": frozenset({".xml", ".json", ".jsonl"}),
}
HOLDS = {
    "jsonl": "jsonl line",
    "csv": "csv line",
    "parquet": "parquet row",
    "hf": "row",
    "documents": "titled section",
    "forum": "thread",
}


@dataclass(frozen=True)
class Source:
    """One source as the recipe names it.

    `prompt_field`, `output_field`, `columns` (column by `id` or meta key): not used for documents and forums. `split`:
    of hf, "" for all. `min_score`: votes that an answer of a forum needs if it was not accepted.
    """

    type: Literal["jsonl", "csv", "parquet", "hf", "documents", "forum"]
    path: Path
    name: str = ""
    licence: str = ""
    domain: str = ""
    language: str = ""
    encoding: str = "utf-8"
    prompt_field: str = "prompt"
    output_field: str = "output"
    delimiter: str = ","
    columns: dict[str, str] = field(default_factory=dict)
    split: str = ""
    min_score: int = 0

    @property
    def label(self) -> str:
        return self.name or self.path.name


def read_sources(sources: list[Source], strict: bool, recorder: Recorder) -> Iterator[Row | Dropped]:
    """All rows of all sources, in the order of the config, then of file names, then of lines.

    Raises:
        DataError: two sources share a name, a source holds no row at all, or (strict) a row cannot be read.
    """
    labels = [source.label for source in sources]
    if len(set(labels)) < len(labels):
        raise DataError(
            f"Two sources are named {next(name for name in labels if labels.count(name) > 1)!r}; give each its own"
            " `name`."
        )
    count = 0
    for done, source in enumerate(sources):
        recorder.progress("collect", done, len(sources))
        before = count
        for item in _read(source):
            if strict and isinstance(item, Dropped) and item.unreadable:
                raise DataError(
                    f"{source.path}: {item.row.place}: {item.reason}. Mend it, or set strict to false to leave such"
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
    recorder.progress("collect", len(sources), len(sources))


def _read(source: Source) -> Iterator[Row | Dropped]:
    if source.type == "documents":
        yield from read_document_source(source.path, source.label, source.language, source.encoding)
        return
    columns = Columns(source.prompt_field, source.output_field, source.columns)
    if source.type == "hf":
        yield from read_hf(source.path, source.label, columns, source.split)
        return
    for path in _files(source.path, SUFFIXES[source.type]):
        yield from _read_file(path, path.relative_to(source.path.parent).as_posix(), source, columns)


def _read_file(path: Path, name: str, source: Source, columns: Columns) -> Iterator[Row | Dropped]:
    if source.type == "jsonl":
        return read_jsonl(path, name, source.label, source.encoding, columns)
    if source.type == "csv":
        return read_csv(path, name, source.label, source.encoding, columns, source.delimiter)
    if source.type == "parquet":
        return read_parquet(path, name, source.label, columns)
    return read_forum(path, name, source.label, source.language, source.encoding, source.min_score)


def _files(path: Path, suffixes: frozenset[str]) -> list[Path]:
    """A file itself, whatever its name, or the files of that type below a folder, sorted, hidden ones left out."""
    if path.is_file():
        return [path]
    found = (file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))


def _with_defaults(item: Row | Dropped, source: Source, position: int) -> Row | Dropped:
    """The row with its position and what the source says about all of its rows."""
    row = item.row if isinstance(item, Dropped) else item
    defaults = {"domain": source.domain, "language": source.language}
    meta = {"source": source.label, **{key: value for key, value in defaults.items() if value}, **row.meta}
    row = replace(row, position=position, meta=meta)
    return replace(item, row=row) if isinstance(item, Dropped) else row


def choose_ids(rows: Iterable[Row]) -> list[str]:
    """The final id of each row: the given one, else its id so far or a hash of question and steps; a given id that an
    earlier row has gets the source in front.
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
