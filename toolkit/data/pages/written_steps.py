"""Written steps: the steps of an answer or page of plain text, one line each, with repaired Unicode.

What counts as a number is `toolkit.numbering`'s; bullets and task lists count where nothing is numbered, and
`1) ... 2) ...` within a line. Nested steps (numbers, bullets, `a)`) are joined into the step above them. Text before
the first and after the last step is taken away.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import ftfy

from toolkit.data.pages.sections import gap, join_substeps
from toolkit.numbering import Mark, find_marks, inline_marks, sure_mark

LETTERED = re.compile(r"\(?[a-h][.)]\s+")  # sub-steps only
BULLET = re.compile(r"(?:[-*+•◦‣▪▫●○·–—►▸➤✓✔☐☑✅](?:\s+|$))(?:\[[ xX✓]?\]\s+)?")
EMPHASIS = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*|__(?=\S)(.+?)(?<=\S)__")
NOT_PRINTED = re.compile(r"[\u200b-\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a-\u202e\x00-\x08\x0b-\x1f\x7f]")
# Vertical tabs and form feeds end a line as office programs write it; a C1 control before a number is NEL, and else a
# broken ellipsis, which ftfy mends.
LINE_ENDS = re.compile(r"[\x0b\x0c]|\x85(?=\s*\W{0,2}\d{1,3}\W)")
LINE_START = re.compile(r"(?<=\n)")
MOST_PASSES = 8


class NoSteps(ValueError):
    """An answer that cannot become numbered steps; the text is the reason for the ledger."""


def number_steps(steps: list[str]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))


def one_line(text: str) -> str:
    """Text with repaired Unicode, without invisible characters and emphasis marks, on one line."""
    if _is_plain(text) and not _has_emphasis(text):
        return " ".join(text.split())
    return _until_stable(lambda value: " ".join(EMPHASIS.sub(r"\1\2", _clean(value)).split()), text)


def _clean(text: str) -> str:
    # ftfy has nothing to do on plain ASCII but entities, and takes most of the time of this stage.
    if _is_plain(text):
        return text
    text = LINE_ENDS.sub("\n", text)
    fixed: list[str] = []
    entities: str | bool = "auto"
    for line in LINE_START.split(text):
        entities = False if "<" in line else entities  # what ftfy does itself: from a tag on they are markup
        fixed.append(line if _is_plain(line) else ftfy.fix_text(line, unescape_html=entities))
    return NOT_PRINTED.sub("", "".join(fixed))


def _is_plain(text: str) -> bool:
    return text.isascii() and "&" not in text and text.replace("\n", "").replace("\t", "").isprintable()


def _has_emphasis(text: str) -> bool:
    return "**" in text or "__" in text


def _until_stable(change: Callable[[str], str], text: str) -> str:
    """ftfy and the removal of marks can each uncover work for the other."""
    for _ in range(MOST_PASSES):
        changed = change(text)
        if changed == text:
            break
        text = changed
    return text


@dataclass
class _Reading:
    """The answer while its lines are read. `base`: indent of the top-level steps."""

    steps: list[str] = field(default_factory=list)
    substeps: list[list[str]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    base: int = 0
    after_blank: bool = False
    text_around: bool = False


def parse_steps(text: str) -> tuple[list[str], bool]:
    """The steps of an answer, each on one line, and whether other text stood around them.

    Raises:
        NoSteps: no list form, two numbered lists in one answer, a gap, or a number without a step.
    """
    steps, had_text_around = _parse_once(text)
    # One step may hold more of them, which only a number before it makes readable: "2) Open1. 2) Tap" is "1. Open1. 2)
    # Tap".
    while len(steps) == 1 and len(again := _parse_once(number_steps(steps))[0]) > 1:
        steps = again
    return steps, had_text_around


def _parse_once(text: str) -> tuple[list[str], bool]:
    if not _is_plain(text) or _has_emphasis(text):
        text = _until_stable(lambda value: EMPHASIS.sub(r"\1\2", _clean(value)), text)
    lines = text.expandtabs(4).split("\n")
    marks = find_marks(lines)
    reading = _Reading()
    for line, mark in zip(lines, marks, strict=True):
        _read_line(line, mark, any(marks), reading)
    steps = [_finish(step, substeps) for step, substeps in zip(reading.steps, reading.substeps, strict=True)]
    while steps and not steps[-1]:  # a number alone behind the last step is text around the steps
        steps.pop()
        reading.text_around = True
    empty = [number for number, step in zip(reading.numbers, steps, strict=False) if not step]
    steps = [step for step in steps if step]
    if len(steps) < 2 and (inline := _inline_steps(" ".join(text_line.strip() for text_line in lines))):
        return inline
    if not steps:
        raise NoSteps("no numbered steps in the answer")
    if empty:
        raise NoSteps(f"step {empty[0]} is empty")
    _require_whole(reading.numbers)
    return steps, reading.text_around


def _require_whole(numbers: list[int]) -> None:
    """Steps count up by one, or are all numbered 1, as Markdown allows."""
    if not numbers or set(numbers) == {1}:
        return
    if 1 in numbers[1:]:
        raise NoSteps("two numbered lists in one answer")
    if missing := gap(numbers):
        raise NoSteps(missing)


def _read_line(line: str, mark: Mark | None, numbered: bool, reading: _Reading) -> None:
    text, indent = line.strip(), len(line) - len(line.lstrip())
    if not text:
        reading.after_blank = True
        return
    bullet = BULLET.match(text)
    if not reading.steps:
        reading.base = indent
    letter = LETTERED.match(text) if numbered and reading.steps and not mark else None
    is_marker = bool(mark or bullet or letter)
    top_level = mark is not None if numbered else bullet is not None
    if is_marker and top_level and (not reading.steps or indent <= reading.base + 1):
        reading.steps.append(_unmark(mark.rest if mark else text))
        reading.substeps.append([])
        if mark:
            reading.numbers.append(mark.number)
    elif not reading.steps or (reading.after_blank and not is_marker and indent <= reading.base):
        reading.text_around = True
    elif is_marker:
        reading.substeps[-1].append(text[letter.end() :] if letter else _unmark(mark.rest if mark else text))
    elif reading.substeps[-1]:
        reading.substeps[-1][-1] = f"{reading.substeps[-1][-1]} {text}".strip()
    else:
        reading.steps[-1] = f"{reading.steps[-1]} {text}".strip()
    if is_marker:
        reading.after_blank = False


def _unmark(text: str) -> str:
    """Text without its markers: "1. Step 1: Open" is "Open"."""
    while True:
        if mark := sure_mark(text):
            text = mark.rest
        elif bullet := BULLET.match(text):
            text = text[bullet.end() :].lstrip()
        else:
            return text


def _finish(step: str, substeps: list[str]) -> str:
    if not substeps:
        return _unmark(one_line(step))
    return _unmark(one_line(join_substeps(one_line(step), [one_line(substep) for substep in substeps])))


def _inline_steps(text: str) -> tuple[list[str], bool] | None:
    """Steps of "1) Open ... 2) Tap ...": markers that count up from 1, at least two of them."""
    marks = inline_marks(text)
    if not marks:
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    steps = [_finish(text[mark.end() : end].strip(" ,;"), []) for mark, end in zip(marks, ends, strict=True)]
    steps = [step for step in steps if step]
    return (steps, bool(text[: marks[0].start()].strip())) if len(steps) > 1 else None
