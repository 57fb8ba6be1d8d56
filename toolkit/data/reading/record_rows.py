"""Records of any table-like source (JSON objects, lines of a table, parquet rows) as rows, by the columns that it
names.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from toolkit.data.reading.answers import TAG, answer_rows, looks_like_html, unescaped
from toolkit.data.reading.conversations import pair_of
from toolkit.data.reading.paths import pick
from toolkit.data.rows import META_KEYS, Dropped, Row
from toolkit.options.sources import RecordOptions
from toolkit.text_files import MAX_LINE_BYTES


def columns_read(options: RecordOptions) -> list[str]:
    """The columns that must be there, as the source names them."""
    asked = [options.messages_field] if options.messages_field else [options.prompt_field, options.output_field]
    return [*asked, *([options.input_field] if options.input_field else []), *options.columns.values()]


def top_columns(options: RecordOptions) -> set[str]:
    """The top-level columns that may be read, with and without dots taken as nesting."""
    names = {*columns_read(options), "id", "meta", *META_KEYS}
    return names | {name.split(".")[0] for name in names}


def record_rows(record: dict[str, Any], blank: Row, options: RecordOptions) -> Iterator[Row | Dropped]:
    """The row of a record; several where an HTML answer holds lists that can be told apart."""
    item = record_row(record, blank, options)
    if isinstance(item, Dropped) or not options.html:
        yield item
        return
    item = replace(item, prompt=_without_tags(item.prompt), output=unescaped(item.output))
    if not looks_like_html(item.output):
        yield item
        return
    language = (item.meta.get("language") or options.language or "").replace("_", "-").split("-")[0].lower()
    yield from answer_rows(item.prompt, item.output, item, language, as_asked=True)


def record_row(record: dict[str, Any], blank: Row, options: RecordOptions) -> Row | Dropped:
    """A row from a record. A list of texts as output is taken as the steps. A column's name with dots
    that is no column itself leads into nested objects: `answer.text`."""
    given_id = pick(record, options.column_of("id"))
    row = replace(
        blank, given_id=str(given_id) if isinstance(given_id, (str, int)) else "", meta=_meta(record, options)
    )
    if options.messages_field:
        pair = pair_of(pick(record, options.messages_field))
        if isinstance(pair, str):
            return Dropped(row, pair)
        named = (("question", pair[0]), ("answer", pair[1]))
    else:
        named = ((options.prompt_field, _asked(record, options)), (options.output_field, _answered(record, options)))
    for key, value in named:
        if reason := _flaw(value):
            return Dropped(row, f"`{key}` {reason}" if "NUL" not in reason else f"{reason} in `{key}`", unreadable=True)
    return replace(row, prompt=named[0][1], output=named[1][1])


def _asked(record: dict[str, Any], options: RecordOptions) -> Any:
    """The question with its further text, each on a line of its own."""
    prompt = pick(record, options.prompt_field)
    further = pick(record, options.input_field) if options.input_field else None
    if isinstance(prompt, str) and isinstance(further, str) and further.strip():
        return f"{prompt.rstrip()}\n{further}"
    return prompt


def _answered(record: dict[str, Any], options: RecordOptions) -> Any:
    output = pick(record, options.output_field)
    if isinstance(output, list) and output and all(isinstance(step, str) for step in output):
        return "\n".join(f"{number}. {' '.join(step.split())}" for number, step in enumerate(output, start=1))
    return output


def _without_tags(text: str) -> str:
    return html.unescape(TAG.sub(" ", text)).strip() if "<" in text or "&" in text else text


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
