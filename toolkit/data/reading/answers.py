"""A title with its answer, HTML or plain text, as rows: of forums, tickets and the articles of a help centre."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace

from toolkit.data.pages.html_pages import read_answer
from toolkit.data.reading.section_rows import section_rows
from toolkit.data.rows import Dropped, Row
from toolkit.data.words.instructions import useful
from toolkit.data.words.questions import ask
from toolkit.text_files import MAX_LINE_BYTES

HTML_BLOCK = re.compile(r"</(?:p|ol|ul|li|div|h[1-6]|table|blockquote)\s*>|<br\s*/?>|<li\b", re.IGNORECASE)
TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)


def looks_like_html(text: str) -> bool:
    return "<" in (text := unescaped(text)) and HTML_BLOCK.search(text) is not None


def unescaped(text: str) -> str:
    """HTML that was written as text once more, "&lt;ol&gt;&lt;li&gt;Open it", as HTML; any other text as it is."""
    is_escaped = "<" not in text and text.lstrip()[:4].lower() == "&lt;"
    return html.unescape(text) if is_escaped else text


def answer_rows(title: str, answer: str, row: Row, language: str, as_asked: bool = False) -> Iterator[Row | Dropped]:
    """One row of a title and its answer; of an answer with several lists, or with its own titles, only what is
    distinguishable. `as_asked`: a title that the rule for titles does not know is the question as it stands.
    """
    row = replace(row, meta={**row.meta, "task": title})
    if flaw := _flaw(title, answer):
        yield Dropped(row, flaw, unreadable=True)
        return
    number = row.place.rsplit(":", 1)[-1]
    title = " ".join(title.split())
    try:
        section, *others = read_answer(title, answer, int(number) if number.isdigit() else 0, language)
    except RecursionError:
        yield Dropped(row, "the answer is nested too deeply", unreadable=True)
        return
    if not section.lists:  # a heading such as "Solution" is no task of its own
        untitled = (other for other in others if other.lists and not useful(other.title))
        section.lists = next((other.lists for other in untitled), [])
    section.group = f"forum:{row.source}:{row.given_id}" if row.given_id else ""
    section.has_text = True
    if as_asked and len(section.lists) == 1 and ask(title, language) is None:
        section.title = title if title.endswith("?") else f"{title}?"
        items = section_rows(section, row.source, "", language)
        yield from (replace(item, prompt=title) if isinstance(item, Row) else item for item in _placed(items, row, 1))
        return
    yield from _placed(
        section_rows(section, row.source, row.place.rsplit(":", 1)[0], language), row, len(section.lists)
    )


def _placed(items: Iterator[Row | Dropped], row: Row, lists: int) -> Iterator[Row | Dropped]:
    """The rows at the place of the answer, with what is known of it; an id of one answer cannot name several rows."""
    given_id = row.given_id if lists < 2 else ""
    for item in items:
        made = item.row if isinstance(item, Dropped) else item
        made = replace(made, given_id=given_id, place=row.place, meta={**row.meta, **made.meta})
        yield replace(item, row=made) if isinstance(item, Dropped) else made


def _flaw(title: str, answer: str) -> str:
    if not title.strip():
        return "the question has no title"
    if "\0" in title or "\0" in answer:
        return "NUL byte in the thread"
    if re.search("[\ud800-\udfff]", title + answer):
        return "the thread holds half of a surrogate pair, which is not text"
    return f"the answer is longer than {MAX_LINE_BYTES:,} characters" if len(answer) > MAX_LINE_BYTES else ""
