"""Numbered steps as they occur in answers: the one parser behind format conformance and marker stripping.

What counts as a number is `toolkit.numbering`'s; here is where a step begins and ends. Writing out what was parsed and
parsing it again changes nothing.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from dataclasses import dataclass

from toolkit.numbering import Mark, find_marks

_BULLET = re.compile(r"[ \t]*[-*+•‣▪][ \t]+(?:\[[ xX]\][ \t]+)?")
_ENDS_SENTENCE = re.compile(r"[.!?。…][\"'”’)*_]*$")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+(?=[^\sa-z])|(?<=[。！？])")
_BLANK = "\n\r \t"  # wider than these, stripping would make a marker of a line that is none
_CONTINUED = "   "  # as far in as the text after "1. "
_NESTED_INDENT = 2  # a marker that is indented this much more than the first one belongs to the step above it


@dataclass(frozen=True)
class Step:
    """One step of the top level: its number and marker style as written.

    Continuation and nested lines are in `text`, shifted left as far as they go together.
    """

    number: int
    style: str
    text: str


@dataclass(frozen=True)
class ParsedAnswer:
    """An answer taken apart. `before` and `after` are the text outside the list, "" where nothing does; `between` is
    text after a blank line that stands between two steps and belongs to neither by its indent (it is kept in the upper
    step as well).
    """

    before: str
    steps: list[Step]
    after: str
    between: str = ""


def parse_answer(text: str) -> ParsedAnswer:
    """The steps of an answer and the text around them.

    Lines between two markers belong to the upper step. After the last marker, a line belongs to the last step if it is
    indented or a bullet, or follows directly and goes on with the sentence; a blank line followed by unindented text
    ends the list.
    """
    lines = text.splitlines()
    starts = _top_level_starts(lines)
    if not starts:
        return ParsedAnswer("\n".join(lines).strip(_BLANK), [], "")
    list_start, list_end = starts[0][0], _end_of_list(lines, *starts[-1])
    ends = [*(index for index, _ in starts[1:]), list_end]
    steps = [
        Step(marker.number, marker.style, _step_text([marker.rest, *lines[index + 1 : end]]))
        for (index, marker), end in zip(starts, ends, strict=True)
    ]
    inner = [
        line
        for (index, marker), (following, _) in itertools.pairwise(starts)
        for line in lines[_end_of_list(lines[:following], index, marker) : following]
    ]
    return ParsedAnswer(
        "\n".join(lines[:list_start]).strip(_BLANK),
        steps,
        "\n".join(lines[list_end:]).strip(_BLANK),
        "\n".join(inner).strip(_BLANK),
    )


def render_steps(texts: list[str]) -> str:
    """A list numbered from 1; `parse_answer` gives the same texts back if they are as it gives them."""
    return "\n".join(_written(number, text) for number, text in enumerate(texts, start=1))


def step_texts(text: str) -> list[str]:
    """What an answer's steps say, without those that say nothing; without markers each sentence of a line is a step."""
    steps = [step.text for step in parse_answer(text).steps] or [
        sentence.strip() for line in _unmarked(text) for sentence in _SENTENCE_END.split(line)
    ]
    return [step for step in steps if step]


def strip_markers(text: str) -> str:
    """The text without list markers and bullets at the start of its lines; the words stay as they are."""
    return "\n".join(_unmarked(text))


def _unmarked(text: str) -> list[str]:
    lines = text.splitlines()
    return [_without_marker(line, mark) for line, mark in zip(lines, find_marks(lines), strict=True)]


def _written(number: int, text: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([f"{number}. {first}".rstrip(), *(_CONTINUED + line if line else "" for line in rest)])


def _step_text(lines: list[str]) -> str:
    trimmed = [line.rstrip() for line in lines]
    first = next((index for index, line in enumerate(trimmed) if line), 0)
    rest = textwrap.dedent("\n".join(line.expandtabs(4) for line in trimmed[first + 1 :]))
    return f"{trimmed[first].strip()}\n{rest}".rstrip()


def _without_marker(line: str, mark: Mark | None) -> str:
    if mark:
        return mark.rest
    bullet = _BULLET.match(line)
    return line[bullet.end() :] if bullet else line


def _top_level_starts(lines: list[str]) -> list[tuple[int, Mark]]:
    marks = [(at, mark) for at, mark in enumerate(find_marks(lines)) if mark]
    top_indent = marks[0][1].indent if marks else 0
    return [(at, mark) for at, mark in marks if mark.indent < top_indent + _NESTED_INDENT]


def _end_of_list(lines: list[str], index: int, marker: Mark) -> int:
    previous = marker.rest
    has_body = not marker.is_heading  # the first paragraph below a heading is what the heading announces
    for position in range(index + 1, len(lines)):
        line = lines[position]
        if not line.strip():
            previous = ""
            continue
        belongs = line[0] in " \t" or _BULLET.match(line) is not None or _goes_on(previous, line) or not has_body
        if not belongs:
            return position
        previous, has_body = line, True
    return len(lines)


def _goes_on(previous: str, line: str) -> bool:
    """Whether an unindented line continues the sentence of the line directly above it."""
    return bool(previous.strip()) and (line[0].islower() or not _ENDS_SENTENCE.search(previous.rstrip()))
