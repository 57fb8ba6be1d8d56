"""Records of any table-like source (JSON objects, CSV lines, parquet rows) as rows, by the columns that it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from toolkit.data.reading.text_lines import MAX_LINE_BYTES
from toolkit.data.rows import META_KEYS, Dropped, Row
from toolkit.options.sources import RecordOptions


def top_columns(options: RecordOptions) -> set[str]:
    """The top-level columns that may be read, with and without dots taken as nesting."""
    names = {options.prompt_field, options.output_field, "id", "meta", *META_KEYS, *options.columns.values()}
    return names | {name.split(".")[0] for name in names}


def record_row(record: dict[str, Any], blank: Row, options: RecordOptions) -> Row | Dropped:
    """A row from a record. A list of texts as output is taken as the steps. A column's name with dots
    that is no column itself leads into nested objects: `answer.text`."""
    prompt, output = pick(record, options.prompt_field), pick(record, options.output_field)
    if isinstance(output, list) and output and all(isinstance(step, str) for step in output):
        output = "\n".join(f"{number}. {' '.join(step.split())}" for number, step in enumerate(output, start=1))
    given_id = pick(record, options.column_of("id"))
    row = replace(
        blank, given_id=str(given_id) if isinstance(given_id, (str, int)) else "", meta=_meta(record, options)
    )
    for key, value in ((options.prompt_field, prompt), (options.output_field, output)):
        if reason := _flaw(value):
            return Dropped(row, f"`{key}` {reason}" if "NUL" not in reason else f"{reason} in `{key}`", unreadable=True)
    return replace(row, prompt=prompt, output=output)


def pick(record: dict[str, Any], name: str) -> Any:
    """The value under a name, or under a path with dots; None if there is none."""
    if name in record:
        return record[name]
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _flaw(value: Any) -> str:
    """Why a value cannot be a question or answer, or ""."""
    if not isinstance(value, str):
        return "is missing" if value is None else f"is a {type(value).__name__}, not a text"
    if "\0" in value:
        return "NUL byte"
    if not value.strip():
        return "is empty"
    if len(value) > MAX_LINE_BYTES:
        return f"is longer than {MAX_LINE_BYTES:,} characters"
    is_unicode = not any("\ud800" <= character <= "\udfff" for character in value) if not value.isascii() else True
    return "" if is_unicode else "holds half of a surrogate pair, which is not text"


def _meta(record: dict[str, Any], options: RecordOptions) -> dict[str, str]:
    """The known meta keys of a record, from its `meta` object or next to the question; others are left behind."""
    inner = record.get("meta")
    values = {**record, **inner} if isinstance(inner, dict) else record
    found = {key: pick(values, options.column_of(key)) for key in META_KEYS}
    return {
        key: str(value).strip() for key, value in found.items() if isinstance(value, (str, int)) and str(value).strip()
    }
