"""JSON in any of its shapes as records: one object a line, an array, a document that holds a list, objects that go over
several lines, a table column by column.

Objects by line are read one at a time; everything else is held in memory, up to LARGEST_JSON bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from toolkit.data.reading.paths import pick
from toolkit.text_files import Fault, first_bytes, parse_json, read_text, text_lines

LARGEST_JSON = 50_000_000
FEWEST_COLUMNS = 2  # of a table that is written column by column
BETWEEN = " \t\r\n,"


def json_records(
    path: Path, name: str, encoding: str, records: str | None = None, known_lists: Sequence[str] = ()
) -> Iterator[tuple[str, dict[str, Any] | Fault]]:
    """The records of a file with their places, `name:line` by line and else `name:number`.

    `records`: where a document holds its list; `known_lists`: keys that are tried without being named.
    """
    if not records and _is_by_line(path, encoding):
        for number, text in text_lines(path, encoding):
            if isinstance(text, Fault) or text.strip():
                yield f"{name}:{number}", text if isinstance(text, Fault) else _object(parse_json(_one_value(text)))
        return
    for number, value in enumerate(_document(path, encoding, records, known_lists), start=1):
        yield (name if isinstance(value, Fault) and number == 1 else f"{name}:{number}"), _object(value)


def _one_value(line: str) -> str:
    """A line without the comma that lists put behind an object."""
    text = line.rstrip()
    return text[:-1] if text.endswith("},") else text


def _is_by_line(path: Path, encoding: str) -> bool:
    """Whether objects stand one a line. A file whose first line cannot be read may still go on with such lines."""
    some = list(islice(_filled(path, encoding), 2))
    if len(some) < 2:
        return not _begins_as_json(path)
    first = some[0]
    if isinstance(first, Fault) or not isinstance(parse_json(_one_value(first)), Fault):
        return True
    text = read_text(path, encoding, LARGEST_JSON)
    return isinstance(text, Fault) or isinstance(next(json_values(text), None), Fault)


def _begins_as_json(path: Path) -> bool:
    head = first_bytes(path, 100).replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return head[:1] in (b"[", b"{")


def _filled(path: Path, encoding: str) -> Iterator[str | Fault]:
    return (text for _, text in text_lines(path, encoding) if isinstance(text, Fault) or text.strip())


def json_values(text: str) -> Iterator[object | Fault]:
    """The JSON values of a text one after the other, with or without commas between; a Fault ends them."""
    decoder, at = json.JSONDecoder(), 0
    while True:
        while at < len(text) and text[at] in BETWEEN:
            at += 1
        if at >= len(text):
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            yield Fault(f"not valid JSON ({error.msg} in line {error.lineno}, column {error.colno})")
            return
        except (RecursionError, ValueError):
            yield Fault("not valid JSON (nested too deeply or a number too long)")
            return
        yield value


def _document(path: Path, encoding: str, records: str | None, known_lists: Sequence[str]) -> Iterator[object | Fault]:
    text = read_text(path, encoding, LARGEST_JSON)
    if isinstance(text, Fault):
        hint = "; write one object a line as .jsonl" if "larger" in text.reason else ""
        yield Fault(text.reason + hint)
        return
    for value in json_values(text):
        yield from _listed(value, records, known_lists)


def _listed(value: object, records: str | None, known_lists: Sequence[str]) -> Iterator[object]:
    if isinstance(value, list):
        for item in value:
            yield from _listed(item, records, ()) if records and isinstance(item, dict) else [item]
        return
    if not isinstance(value, dict):
        yield value
        return
    if not records and (by_column := _by_column(value)):
        yield from by_column
        return
    if records:
        found = pick(value, records)
        yield from found if isinstance(found, list) else [Fault(f"there is no list of records under {records!r}")]
        return
    inner = next((value[key] for key in known_lists if isinstance(value.get(key), list)), None)
    yield from [value] if inner is None else inner


def _by_column(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of a table that is written column by column, each a list or an object with row numbers; [] for any
    other object.
    """
    columns = list(table.values())
    if len(columns) < FEWEST_COLUMNS or not all(isinstance(column, type(columns[0])) for column in columns):
        return []
    if isinstance(columns[0], dict):
        numbers = list(columns[0])
        if not all(map(str.isdigit, numbers)) or any(list(column) != numbers for column in columns):
            return []
        columns = [list(column.values()) for column in columns]
    elif not isinstance(columns[0], list):
        return []
    rows = len(columns[0])
    if any(len(column) != rows or any(isinstance(cell, dict) for cell in column) for column in columns):
        return []
    return [dict(zip(table, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _object(value: object) -> dict[str, Any] | Fault:
    if isinstance(value, dict | Fault):
        return value
    return Fault(f"found a {type(value).__name__} where a JSON object was expected")
