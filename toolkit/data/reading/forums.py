"""Forum dumps as rows: each question that has an answer, with the accepted one or the one with most votes.

XML in the shape of Stack Exchange's Posts.xml, read as a stream; JSON or JSONL in the shape that docs/data-build.md
shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from toolkit.data.pages.html_pages import read_answer
from toolkit.data.reading.line_files import parse_json
from toolkit.data.reading.record_rows import pick
from toolkit.data.reading.section_rows import section_rows
from toolkit.data.reading.text_lines import MAX_LINE_BYTES, Fault, text_lines
from toolkit.data.rows import Dropped, Row
from toolkit.options.sources import ForumSource

LARGEST_JSON = 50_000_000
QUESTION, ANSWER = "1", "2"


@dataclass
class _Thread:
    """A question of an XML dump while its answers are compared."""

    title: str
    line: int
    accepted: str
    best: str = ""
    best_score: float = float("-inf")
    meta: dict[str, str] = field(default_factory=dict)


def read_forum(path: Path, name: str, source: ForumSource) -> Iterator[Row | Dropped]:
    """The threads of a dump; places are `name:line`, or `name:number` in a JSON array."""
    if path.suffix.lower() == ".xml":
        yield from _read_posts(path, name, source)
        return
    for place, thread in _json_threads(path, name, source.encoding):
        row = Row(source.label, place)
        yield from (
            [Dropped(row, thread.reason, unreadable=True)]
            if isinstance(thread, Fault)
            else _json_rows(thread, row, source)
        )


def _read_posts(path: Path, name: str, source: ForumSource) -> Iterator[Row | Dropped]:
    """Two passes: which answer is the best, then those answers in the order of the file."""
    threads: dict[str, _Thread] = {}
    fault: Dropped | None = None
    try:
        for post in _posts(path):
            _compare(post, threads, source.min_score)
    except etree.XMLSyntaxError as error:
        fault = Dropped(
            Row(source.label, f"{name}:{error.lineno}"), f"not well-formed XML ({error.msg})", unreadable=True
        )
    wanted = {thread.accepted or thread.best: key for key, thread in threads.items()}
    answered: set[str] = set()
    try:
        for post in _posts(path):
            key = post.get("ParentId", "")
            if post.get("PostTypeId") == ANSWER and wanted.get(post.get("Id", "")) == key and key not in answered:
                answered.add(key)
                yield from _thread_rows(
                    threads[key].title,
                    post.get("Body", ""),
                    key,
                    Row(source.label, f"{name}:{threads[key].line}"),
                    source.language or "",
                )
    except etree.XMLSyntaxError:
        pass  # reported below, once
    for key, thread in threads.items():
        if key not in answered:
            yield Dropped(
                Row(source.label, f"{name}:{thread.line}", given_id=key, meta={"task": thread.title}),
                "no accepted answer and none with enough votes",
            )
    if fault is not None:
        yield fault


def _posts(path: Path) -> Iterator[Any]:
    events = etree.iterparse(
        str(path), events=("end",), tag="row", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    for _, post in events:
        yield post
        post.clear()
        while post.getprevious() is not None:  # memory stays bounded by one post
            del post.getparent()[0]


def _compare(post: Any, threads: dict[str, _Thread], min_score: int) -> None:
    kind, identifier = post.get("PostTypeId"), post.get("Id", "")
    if kind == QUESTION and identifier not in threads:
        threads[identifier] = _Thread(post.get("Title", ""), post.sourceline or 0, post.get("AcceptedAnswerId", ""))
    elif kind == ANSWER and (thread := threads.get(post.get("ParentId", ""))) is not None:
        score = _number(post.get("Score"))
        if score >= min_score and score > thread.best_score:
            thread.best, thread.best_score = identifier, score


def _json_threads(path: Path, name: str, encoding: str) -> Iterator[tuple[str, dict[str, Any] | Fault]]:
    """Each thread of a JSONL file, or of a JSON file that holds a list of them or an object with such a list."""
    if path.suffix.lower() == ".jsonl":
        for number, text in text_lines(path, encoding):
            if isinstance(text, Fault) or text.strip():
                yield f"{name}:{number}", text if isinstance(text, Fault) else _thread(parse_json(text.rstrip()))
        return
    if path.stat().st_size > LARGEST_JSON:
        yield name, Fault(f"the file is larger than {LARGEST_JSON:,} bytes; write one thread a line as .jsonl")
        return
    try:
        document = parse_json(path.read_text(encoding="utf-8-sig" if encoding == "utf-8" else encoding))
    except UnicodeDecodeError:
        document = Fault(f"the file is not {encoding}; set the source's `encoding` or save the file as UTF-8")
    if isinstance(document, dict):
        document = next(
            (document[key] for key in ("threads", "questions", "items") if isinstance(document.get(key), list)),
            document,
        )
    if not isinstance(document, list):
        yield name, document if isinstance(document, Fault) else _thread(document)
        return
    for number, thread in enumerate(document, start=1):
        yield f"{name}:{number}", _thread(thread)


def _thread(value: object) -> dict[str, Any] | Fault:
    if isinstance(value, (dict, Fault)):
        return value
    return Fault(f"found a {type(value).__name__} where a thread (a JSON object) was expected")


def _json_rows(thread: dict[str, Any], row: Row, source: ForumSource) -> Iterator[Row | Dropped]:
    title = next(
        (value for key in ("question.title", "title", "question") if isinstance(value := pick(thread, key), str)), ""
    )
    identifier = str(pick(thread, "id") or pick(thread, "question_id") or "")
    row = Row(row.source, row.place, given_id=identifier, meta={"task": title})
    answers = thread.get("answers")
    if not title.strip() or not isinstance(answers, list):
        yield Dropped(row, "a thread needs a `title` (or `question`) and a list of `answers`", unreadable=True)
        return
    best = _best(thread, [answer for answer in answers if isinstance(answer, dict)], source.min_score)
    if best is None:
        yield Dropped(row, "no accepted answer and none with enough votes")
        return
    yield from _thread_rows(title, best, identifier, row, str(thread.get("language") or source.language or ""))


def _best(thread: dict[str, Any], answers: list[dict[str, Any]], min_score: int) -> str | None:
    accepted_id = str(thread.get("accepted_answer_id") or "")
    accepted = [
        answer
        for answer in answers
        if answer.get("accepted") is True
        or answer.get("is_accepted") is True
        or (accepted_id and accepted_id in {str(answer.get("id")), str(answer.get("answer_id"))})
    ]
    voted = [answer for answer in answers if _number(answer.get("score", answer.get("votes", 0))) >= min_score]
    best = accepted[:1] or sorted(voted, key=lambda answer: -_number(answer.get("score", answer.get("votes", 0))))[:1]
    text = (
        next((best[0][key] for key in ("body", "text", "answer") if isinstance(best[0].get(key), str)), None)
        if best
        else None
    )
    return text if text and text.strip() else None


def _thread_rows(title: str, answer: str, identifier: str, row: Row, language: str) -> Iterator[Row | Dropped]:
    """One row of the thread; of an answer with several lists, or with its own titles, only what is distinguishable."""
    row = Row(row.source, row.place, given_id=identifier, meta={"task": title})
    flaw = _flaw(title, answer)
    if flaw:
        yield Dropped(row, flaw, unreadable=True)
        return
    line = int(row.place.rsplit(":", 1)[-1]) if row.place.rsplit(":", 1)[-1].isdigit() else 0
    try:
        section = read_answer(" ".join(title.split()), answer, line, language)[0]
    except RecursionError:
        yield Dropped(row, "the answer is nested too deeply", unreadable=True)
        return
    section.group = f"forum:{row.source}:{identifier}" if identifier else ""
    section.has_text = True
    name = row.place.rsplit(":", 1)[0]
    for item in section_rows(section, row.source, name, language):
        yield _named(item, identifier if len(section.lists) < 2 else "", row.place)


def _named(item: Row | Dropped, identifier: str, place: str) -> Row | Dropped:
    from dataclasses import replace

    if isinstance(item, Dropped):
        return replace(item, row=replace(item.row, given_id=identifier, place=place))
    return replace(item, given_id=identifier, place=place)


def _flaw(title: str, answer: str) -> str:
    if not title.strip():
        return "the question has no title"
    if "\0" in title or "\0" in answer:
        return "NUL byte in the thread"
    if re.search("[\ud800-\udfff]", title + answer):
        return "the thread holds half of a surrogate pair, which is not text"
    return f"the answer is longer than {MAX_LINE_BYTES:,} characters" if len(answer) > MAX_LINE_BYTES else ""


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
