"""What an HTML page says about itself in JSON-LD: the questions and how-tos of schema.org (FAQPage, QAPage, HowTo)."""

from __future__ import annotations

import html as entities
import json
from collections.abc import Iterator
from typing import Any

from toolkit.data.pages.markup_items import Element
from toolkit.data.pages.sections import Section, StepList, tidy

DEEPEST = 12
JSON_LD = ".//script[@type='application/ld+json']"


def read_json_ld(root: Element) -> Iterator[tuple[Section, str]]:
    """Each Question or HowTo as a section, with the answer's HTML or plain text still to be read ("" for a HowTo).

    JSON that does not parse is passed over: what is visible on the page is still read.
    """
    for script in root.iterfind(JSON_LD):
        try:
            document = json.loads(script.text or "", strict=False)
        except (ValueError, RecursionError):
            continue
        for thing in _things(document, 0):
            section = Section(
                _text(thing.get("name") or thing.get("text")), script.sourceline or 0, _text(thing.get("inLanguage"))
            )
            if not section.title:
                continue
            if "HowTo" in _types(thing):
                steps = list(_howto_steps(thing.get("step"), 0))
                section.lists = [StepList(steps)] if steps else []
                section.has_text = True
                yield section, ""
            else:
                yield section, best_answer(thing)


def _things(node: Any, depth: int) -> Iterator[dict[str, Any]]:
    """All Question and HowTo objects, wherever they hang: `@graph`, `mainEntity`, lists."""
    if depth > DEEPEST:
        return
    if isinstance(node, list):
        for item in node:
            yield from _things(item, depth + 1)
    elif isinstance(node, dict):
        if _types(node) & {"Question", "HowTo"}:
            yield node
        else:
            for item in node.values():
                yield from _things(item, depth + 1)


def _types(node: dict[str, Any]) -> set[str]:
    kinds = node.get("@type")
    return {str(kind).rsplit("/", 1)[-1] for kind in (kinds if isinstance(kinds, list) else [kinds])}


def best_answer(question: dict[str, Any]) -> str:
    """The accepted answer, else the suggested one with most votes."""
    accepted, suggested = _answers(question.get("acceptedAnswer")), _answers(question.get("suggestedAnswer"))
    best = accepted[:1] or sorted(suggested, key=lambda answer: -_votes(answer))[:1]
    text = best[0].get("text") if best else ""
    return text if isinstance(text, str) else ""


def _answers(value: Any) -> list[dict[str, Any]]:
    return [answer for answer in (value if isinstance(value, list) else [value]) if isinstance(answer, dict)]


def _votes(answer: dict[str, Any]) -> float:
    try:
        return float(answer.get("upvoteCount") or 0)
    except (TypeError, ValueError):
        return 0.0


def _howto_steps(step: Any, depth: int) -> Iterator[str]:
    """One text a step; sections of a HowTo follow one another, directions and tips of a step become one."""
    if depth > DEEPEST:
        return
    if isinstance(step, list):
        for item in step:
            yield from _howto_steps(item, depth + 1)
    elif isinstance(step, dict):
        inner = step.get("itemListElement")
        if isinstance(inner, (list, dict)) and "HowToStep" in _types(step):
            text = " ".join(_howto_steps(inner, depth + 1))
        elif isinstance(inner, (list, dict)):
            yield from _howto_steps(inner, depth + 1)
            return
        else:
            text = _text(step.get("text") or step.get("name"))
        if text:
            yield text
    elif _text(step):
        yield _text(step)


def _text(value: Any) -> str:
    """A text without tags and entities on one line; "" for anything else."""
    if not isinstance(value, str):
        return ""
    if "<" in value:
        from toolkit.data.pages.html_markup import MARKUP, parse_html
        from toolkit.data.pages.markup_items import inline_text

        root = parse_html(value)
        return inline_text(root, MARKUP) if root is not None else ""
    return tidy(entities.unescape(value))
