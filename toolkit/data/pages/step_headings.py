"""Headings that are the steps of the task above them: "Step 2: Open the lid", or "2. Open the lid" where all headings
of one level count up, tell to do something and hold no list of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from toolkit.data.words.instructions import JUDGED, tells_to_do
from toolkit.data.words.questions import ask
from toolkit.numbering import sure_mark

FEWEST = 2


@dataclass(frozen=True)
class Heading:
    """A heading of a page. `holds_list`: numbered steps stand between it and the next one."""

    level: int
    title: str
    holds_list: bool


def step_headings(headings: Sequence[Heading], language: str) -> dict[int, str]:
    """The text of each step by the place of its heading among the headings of a page."""
    found: dict[int, str] = {}
    for at, heading in enumerate(headings[1:], start=1):
        mark = sure_mark(heading.title)
        if mark and mark.number == 1 and headings[at - 1].level < heading.level:
            run = _of_one_level(headings[at:])
            found.update((at + place, text) for place, text in enumerate(_steps(run, headings[at - 1], language)))
    return found


def _of_one_level(headings: Sequence[Heading]) -> list[Heading]:
    level = headings[0].level
    return list(takewhile(lambda heading: heading.level == level, headings))


def _steps(run: Sequence[Heading], above: Heading, language: str) -> list[str]:
    """What the headings of a run tell to do, one after the other; [] where they are not steps."""
    marks = [sure_mark(heading.title) for heading in run]
    counted = [mark for at, mark in enumerate(marks) if mark and mark.number == at + 1]
    told = run[: len(counted)]
    if len(counted) < FEWEST or any(marks[len(counted) :]) or any(heading.holds_list for heading in told):
        return []
    say_so = all(mark.says_step for mark in counted)
    tell = language in JUDGED and ask(above.title, language) and all(tells_to_do(mark.rest) for mark in counted)
    return [mark.rest for mark in counted] if say_so or tell else []
