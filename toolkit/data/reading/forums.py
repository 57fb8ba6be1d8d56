"""Forum dumps as rows: each question that has an answer, with the accepted one or the one with most votes.

XML in the shape of Stack Exchange's Posts.xml, read as a stream; JSON or JSONL in the shape that docs/data-build.md
shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from toolkit.data.reading.answers import answer_rows
from toolkit.data.reading.json_files import json_records
from toolkit.data.reading.paths import pick
from toolkit.data.rows import Dropped, Row
from toolkit.options.sources import ForumSource
from toolkit.text_files import Fault

LISTS = ("threads", "questions", "items")
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
    for place, thread in json_records(path, name, source.encoding, known_lists=LISTS):
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
                place = Row(source.label, f"{name}:{threads[key].line}", given_id=key)
                yield from answer_rows(threads[key].title, post.get("Body", ""), place, source.language or "")
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
    yield from answer_rows(title, best, row, str(thread.get("language") or source.language or ""))


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


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
