"""What a file is: sources without a type become sources that say everything, with a sentence about what was found.

Nothing here changes or reads rows; the readers that the explicit source names do that.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from toolkit.data.reading.documents import READ
from toolkit.data.reading.file_kinds import Kind, kind_of
from toolkit.data.reading.json_files import json_records
from toolkit.data.reading.line_files import SEPARATOR_LINE
from toolkit.data.reading.paths import pick
from toolkit.data.reading.sheets import HEADER_WITHIN, UnreadableSheet, read_cells
from toolkit.data.reading.sniff_columns import Columns, Unsure, find_columns, is_a_row
from toolkit.data.reading.tickets import is_ticket
from toolkit.errors import DataError
from toolkit.options.sources import (
    AutoSource,
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
from toolkit.text_files import Fault, text_lines

SAMPLE_ROWS = 200
SAMPLE_LINES = 400
DELIMITERS = ",;\t|"
LONGEST_WAY = 3  # keys down to the list of records


@dataclass(frozen=True)
class Found:
    """An explicit source; `said` is what it was taken for, `warning` what a person should look at ("" for nothing)."""

    source: ExplicitSource
    said: str = ""
    warning: str = ""


def explicit_sources(sources: Sequence[Source]) -> list[Found]:
    """Every source with its kind and columns named; those that name theirs stay as they are.

    Raises:
        DataError: a file can be read in two ways, or in none; the message names both and the line to give.
    """
    return [
        found for source in sources for found in (_found(source) if isinstance(source, AutoSource) else [Found(source)])
    ]


def _found(source: AutoSource) -> Iterator[Found]:
    if source.path.is_file():
        yield _of_file(source, source.path, source.label)
        return
    if any((source.path / name).is_file() for name in ("state.json", "dataset_dict.json")):
        yield Found(
            HfSource.model_validate({**_common(source, source.label), "path": source.path}), "a data set folder"
        )
        return
    yield from _of_folder(source)


def _of_folder(source: AutoSource) -> Iterator[Found]:
    """The documents of a folder as one source, and each of its other files as one of its own. What is neither is for
    the ledger of the documents to name.
    """
    visible = [
        file
        for file in sorted(source.path.rglob("*"))
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(source.path).parts)
    ]
    others: dict[str, Found] = {}
    documents = 0
    unsure = ""
    for file in visible:
        name, kind = file.relative_to(source.path).as_posix(), kind_of(file, source.encoding).name
        if kind == "documents" or not kind or (kind == "text" and file.suffix.lower() != ".txt"):
            documents += kind == "documents"
            continue
        try:
            found = _of_file(source, file, f"{source.label}/{name}")
        except DataError as error:
            unsure = unsure or str(error)
            continue
        if isinstance(found.source, DocumentsSource):
            documents += 1
        else:
            others[name] = found
    if not others and not documents:
        raise DataError(unsure or f"{source.path}: no file in it is of a kind that is read.")
    if documents:
        label = f"{source.label}/documents" if others else source.label
        options = {**_common(source, label), "path": source.path, "skip": tuple(others), **_encoding(source, None)}
        said = "1 document" if documents == 1 else f"{documents} documents"
        yield Found(DocumentsSource.model_validate(options), said, unsure)
        unsure = ""
    for found in others.values():
        yield replace(found, warning=found.warning or unsure)
        unsure = ""


def _of_file(source: AutoSource, file: Path, label: str) -> Found:
    kind = kind_of(file, source.encoding)
    common = {**_common(source, label), "path": file}
    try:
        if kind.name == "json":
            return _json(source, file, kind, common)
        if kind.name in ("table", "text"):
            return _table(source, file, kind, common)
        if kind.name == "sheet":
            return _sheet(source, file, common)
    except Unsure as error:
        raise DataError(
            f"{file}: taken for {kind.said}, but {error}. For example: sources='[{{path: {file.name},"
            f" {str(error).rsplit('; ', 1)[-1].split(': ', 1)[-1]}}}]'"
        ) from None
    if kind.name == "parquet":
        return _parquet(source, file, common)
    if kind.name == "forum":
        return Found(ForumSource.model_validate(common), kind.said)
    if kind.name == "documents":
        return Found(DocumentsSource.model_validate({**common, **_encoding(source, kind)}), kind.said)
    raise DataError(
        f"{file}: {kind.said} is not read; give a table (.csv, .xlsx, .ods, .parquet), JSON, or documents"
        f" ({', '.join(sorted(READ))})."
    )


def _common(source: AutoSource, label: str) -> dict[str, Any]:
    return {"name": label, "licence": source.licence, "domain": source.domain, "language": source.language}


def _encoding(source: AutoSource, kind: Kind | None) -> dict[str, str]:
    found = source.encoding or (kind.encoding if kind else None)
    return {"encoding": found} if found else {}


def _given(source: AutoSource) -> dict[str, Any]:
    return {"prompt_field": source.prompt_field, "output_field": source.output_field, "columns": source.columns}


def _json(source: AutoSource, file: Path, kind: Kind, common: dict[str, Any]) -> Found:
    encoding = _encoding(source, kind)
    records, sample = _json_sample(file, encoding.get("encoding", "utf-8"))
    where = f" under `{records}`" if records else ""
    at = {**common, **encoding, **({"records": records} if records else {})}
    if not sample:
        raise DataError(f"{file}: taken for {kind.said}, but it holds no JSON object that could be read.")
    if sum(map(is_ticket, sample)) * 2 > len(sample):
        return Found(TicketsSource.model_validate(at), f"tickets of a helpdesk{where}")
    if sum(isinstance(record.get("answers"), list) for record in sample) * 2 > len(sample):
        return Found(ForumSource.model_validate({**common, **encoding}), "threads of a forum")
    columns = find_columns(sample, _given(source))
    return _of_columns(JsonlSource, {**at, **columns.options}, columns, f"{kind.said}{where}")


def _json_sample(file: Path, encoding: str) -> tuple[str | None, list[dict[str, Any]]]:
    """Where a document holds its records (None: it is them), and some of them."""
    some = [
        record for _, record in islice(json_records(file, "", encoding), SAMPLE_ROWS) if not isinstance(record, Fault)
    ]
    if len(some) == 1 and (way := _list_in(some[0], "", 0)):
        return way, [record for record in pick(some[0], way) if isinstance(record, dict)][:SAMPLE_ROWS]
    return None, some


def _list_in(document: dict[str, Any], way: str, depth: int) -> str | None:
    """The way to the longest list of objects in a document, unless the document looks like a record of its own."""
    if any(isinstance(value, str) and len(value) > 40 for value in document.values()):
        return None
    lists = {
        f"{way}{key}": len(value)
        for key, value in document.items()
        if isinstance(value, list)
        and value
        and all(isinstance(item, dict) for item in value)
        and not {"role", "from"} & value[0].keys()
    }
    if lists:
        return max(lists, key=lambda name: lists[name])
    if depth < LONGEST_WAY:
        inner = [(key, value) for key, value in document.items() if isinstance(value, dict)]
        return next((found for key, value in inner if (found := _list_in(value, f"{way}{key}.", depth + 1))), None)
    return None


def _of_columns(model: type[ExplicitSource], options: dict[str, Any], columns: Columns, said: str) -> Found:
    return Found(model.model_validate(options), f"{said}; {columns.said}", columns.warning)


def _table(source: AutoSource, file: Path, kind: Kind, common: dict[str, Any]) -> Found:
    encoding = _encoding(source, kind)
    lines = [
        text
        for _, text in islice(text_lines(file, encoding.get("encoding", "utf-8")), SAMPLE_LINES)
        if isinstance(text, str)
    ]
    if not any(map(str.strip, lines)):
        raise DataError(f"{file}: the file is empty, where rows or a text were expected.")
    tables = dict(_readings(lines, source.delimiter))
    read: dict[str, Columns] = {}
    unsure: list[Unsure] = []
    for delimiter, records in tables.items():
        try:
            read[delimiter] = find_columns(records, _given(source))
        except Unsure as error:
            unsure.append(error)
    if kind.name == "text" and not read and file.suffix.lower() in READ:
        return Found(DocumentsSource.model_validate({**common, **encoding}), "plain text")
    if not read:
        raise (
            unsure[0]
            if unsure
            else Unsure(
                "no line of column names with a delimiter was found; put one above the rows, or name it: delimiter: ';'"
            )
        )
    delimiter = max(read, key=lambda one: len(tables[one]) * len(tables[one][0]))
    if is_a_row(list(tables[delimiter][0])):
        raise DataError(
            f"{file}: the first line holds a question and steps, where the names of the columns were expected; put a"
            f" line with them above it, such as question{delimiter}answer."
        )
    said = f"{kind.said}, delimiter {'tab' if delimiter == chr(9) else repr(delimiter)}"
    options = {**common, **encoding, "delimiter": delimiter, **read[delimiter].options}
    return _of_columns(CsvSource, options, read[delimiter], said)


def _readings(lines: list[str], given: str | None) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Each delimiter under which the lines make a table of two columns or more, with the rows of as many cells."""
    candidates = given or DELIMITERS
    if lines and lines[0].lower().startswith(SEPARATOR_LINE):
        candidates = lines[0].rstrip("\r\n")[len(SEPARATOR_LINE) :][:1] or candidates
        lines = lines[1:]
    for delimiter in candidates:
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter) if any(cell.strip() for cell in row)]
        except csv.Error:
            continue
        header = [cell.strip() for cell in rows[0]] if rows else []
        whole = [row for row in rows[1:] if len(row) == len(header)] or rows[1:]
        if len(header) > 1 and whole:
            yield delimiter, [_record(header, row) for row in whole[:SAMPLE_ROWS]]


def _record(header: list[str], cells: list[str]) -> dict[str, str]:
    """Cells by name; of two columns of one name, which reading refuses, the first."""
    record: dict[str, str] = {}
    for name, cell in zip(header, cells, strict=False):
        record.setdefault(name, cell)
    return record


def _sheet(source: AutoSource, file: Path, common: dict[str, Any]) -> Found:
    try:
        sheets = read_cells(file)
    except UnreadableSheet as error:
        raise DataError(f"{file}: {error}.") from None
    likeliest: tuple[int, Unsure] | None = None
    for title, rows in sorted(sheets.items(), key=lambda item: -len(item[1])):
        for at, header in enumerate(rows[:HEADER_WITHIN]):
            names = [" ".join(cell.split()) for cell in header]
            records = [dict(zip(names, row, strict=True)) for row in rows[at + 1 : at + 1 + SAMPLE_ROWS]]
            if len([name for name in names if name]) < 2 or not records or is_a_row(header):
                continue
            try:
                columns = find_columns(records, _given(source))
            except Unsure as error:
                named = sum(map(bool, names))
                likeliest = likeliest if likeliest and likeliest[0] >= named else (named, error)
                continue
            return _of_columns(SheetSource, {**common, **columns.options}, columns, f"a spreadsheet, sheet {title!r}")
    if likeliest is None:
        raise DataError(
            f"{file}: no sheet has a line with the names of its columns, such as question and answer, above its rows."
        )
    raise likeliest[1]


def _parquet(source: AutoSource, file: Path, common: dict[str, Any]) -> Found:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(file) as table:
            batch = next(table.iter_batches(SAMPLE_ROWS), None)
        records = batch.to_pylist() if batch is not None else []
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{file}: not a readable parquet file ({str(error).splitlines()[0][:120]}).") from None
    try:
        columns = find_columns(records, _given(source))
    except Unsure as error:
        raise DataError(f"{file}: taken for a parquet file, but {error}.") from None
    return _of_columns(ParquetSource, {**common, **columns.options}, columns, "a parquet file")
