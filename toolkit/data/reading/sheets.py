"""Spreadsheets as rows: .xlsx, .ods, .xls and .xlsb, a sheet at a time, by a line of column names near its top."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolkit.data.reading.line_files import require_columns
from toolkit.data.reading.record_rows import columns_read, record_rows
from toolkit.data.rows import Dropped, Row
from toolkit.errors import DataError
from toolkit.options.sources import SheetSource

HEADER_WITHIN = 20  # rows: a title and remarks may stand above the names of the columns
LARGEST_SHEET = 500_000_000  # bytes, unpacked


class UnreadableSheet(Exception):
    """A spreadsheet that cannot be read, with the reason for the ledger."""


def read_sheet(path: Path, name: str, source: SheetSource) -> Iterator[Row | Dropped]:
    """The rows of every sheet that has the columns, or of the one that the source names; places are `name/sheet:row`.

    Raises:
        DataError: no sheet has the columns, or there is no sheet of that name.
    """
    try:
        sheets = read_cells(path)
    except UnreadableSheet as error:
        yield Dropped(Row(source.label, name), str(error), unreadable=True)
        return
    if source.sheet and source.sheet not in sheets:
        raise DataError(f"{path} has no sheet {source.sheet!r}; it has: {', '.join(sheets)}.")
    chosen = {source.sheet: sheets[source.sheet]} if source.sheet else sheets
    headers = {title: header_row(rows, columns_read(source)) for title, rows in chosen.items()}
    if all(at is None for at in headers.values()):
        title, rows = max(chosen.items(), key=lambda item: len(item[1]))
        require_columns(f"{path}, sheet {title}", _names(rows[0]) if rows else [], source, "the first row has")
    for title, rows in chosen.items():
        at = headers[title]
        if at is not None:
            yield from _sheet_rows(rows, at, Row(source.label, f"{name}/{title}"), path, source)
        elif rows:
            yield Dropped(
                Row(source.label, f"{name}/{title}"),
                f"{len(rows)} rows of a sheet without the columns {' and '.join(columns_read(source))}",
            )


def _sheet_rows(rows: list[list[str]], at: int, blank: Row, path: Path, source: SheetSource) -> Iterator[Row | Dropped]:
    header = _names(rows[at])
    require_columns(f"{path}, {blank.place.rsplit('/', 1)[-1]}", header, source, "the header line has")
    for number, cells in enumerate(rows[at + 1 :], start=at + 2):
        if any(cells):
            record: dict[str, Any] = dict(zip(header, cells, strict=True))
            yield from record_rows(record, Row(source.label, f"{blank.place}:{number}"), source)


def header_row(rows: list[list[str]], columns: list[str]) -> int | None:
    """The first row near the top that names all of these columns."""
    return next((at for at, row in enumerate(rows[:HEADER_WITHIN]) if set(columns) <= set(_names(row))), None)


def _names(row: list[str]) -> list[str]:
    return [" ".join(cell.split()) for cell in row]


def read_cells(path: Path) -> dict[str, list[list[str]]]:
    """The cells of each sheet as texts, from the first row of the sheet on.

    Raises:
        UnreadableSheet: damaged, locked with a password, or larger than LARGEST_SHEET.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as members:
            if sum(member.file_size for member in members.infolist()) > LARGEST_SHEET:
                raise UnreadableSheet(f"the spreadsheet unpacks to more than {LARGEST_SHEET:,} bytes")
    try:
        book = CalamineWorkbook.from_path(str(path))
        return {
            title: [[_text(cell) for cell in row] for row in book.get_sheet_by_name(title).to_python(False)]
            for title in book.sheet_names
        }
    except (CalamineError, OSError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise UnreadableSheet(f"not a readable spreadsheet ({reason})") from None


def _text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).replace("_x000D_", "")
