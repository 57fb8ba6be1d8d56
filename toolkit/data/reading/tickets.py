"""Tickets of a helpdesk as rows: Zendesk's and Freshdesk's JSON, one ticket with its replies each.

The subject asks, or else the question of the customer; the last public reply of an agent that holds steps answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolkit.data.pages.html_pages import read_answer
from toolkit.data.reading.answers import TAG, answer_rows
from toolkit.data.reading.json_files import json_records
from toolkit.data.rows import Dropped, Row
from toolkit.data.words.questions import ask
from toolkit.options.sources import TicketsSource
from toolkit.text_files import Fault

LISTS = ("tickets", "results", "data")
REPLIES = ("conversations", "comments", "replies")
BODIES = ("html_body", "body", "body_text", "plain_body", "text", "value")
QUESTION = re.compile(r"[^.!?\n]*\?")


def read_tickets(path: Path, name: str, source: TicketsSource) -> Iterator[Row | Dropped]:
    """The tickets of a file; places are `name:line` or `name:number`."""
    for place, ticket in json_records(path, name, source.encoding, source.records, LISTS):
        row = Row(source.label, place)
        if isinstance(ticket, Fault):
            yield Dropped(row, ticket.reason, unreadable=True)
        else:
            yield from _ticket_rows(ticket, row, source.language or "")


def is_ticket(record: dict[str, Any]) -> bool:
    """Whether a record is a ticket with replies of agents and customers."""
    return isinstance(record.get("subject"), str) and any(
        isinstance(record.get(key), list)
        and any(isinstance(reply, dict) and {"incoming", "public", "private"} & reply.keys() for reply in record[key])
        for key in REPLIES
    )


def _ticket_rows(ticket: dict[str, Any], row: Row, language: str) -> Iterator[Row | Dropped]:
    given_id = ticket.get("id")
    subject = str(ticket.get("subject") or "").strip()
    row = Row(row.source, row.place, given_id="" if given_id is None else str(given_id), meta={"task": subject})
    replies = [body for reply in _replies(ticket) if (body := _body(reply))]
    if not replies:
        yield Dropped(row, "no public reply of an agent")
        return
    with_steps = [body for body in replies if _holds_steps(subject, body, language)]
    yield from answer_rows(_question(subject, ticket, language), (with_steps or replies)[-1], row, language)


def _question(subject: str, ticket: dict[str, Any], language: str) -> str:
    """The subject where it asks or names a task, else the first question of the customer."""
    if ask(subject, language):
        return subject
    text = TAG.sub(" ", str(ticket.get("description_text") or ticket.get("description") or ""))
    asked = (match.group().strip() for match in QUESTION.finditer(text))
    return next((question for question in asked if ask(question, language)), subject)


def _replies(ticket: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The public replies of agents, in their order."""
    customer = ticket.get("requester_id")
    listed: list[Any] = next((ticket[key] for key in REPLIES if isinstance(ticket.get(key), list)), [])
    for reply in listed:
        if not isinstance(reply, dict) or reply.get("private") is True or reply.get("public") is False:
            continue
        by_customer = reply.get("incoming") is True or (customer is not None and reply.get("author_id") == customer)
        if not by_customer:
            yield reply


def _body(reply: dict[str, Any]) -> str:
    return next((text for key in BODIES if isinstance(text := reply.get(key), str) and text.strip()), "")


def _holds_steps(title: str, body: str, language: str) -> bool:
    try:
        return any(section.lists for section in read_answer(title or "?", body, 0, language)[:1])
    except RecursionError:
        return False
