"""Numbered steps as they occur in answers: the one parser behind format conformance and marker stripping.

Takes `1.` `1)` `**1.**` `Step 1:` (`Langkah 1:`) `#### 1.` and `①` at the start of a line. Does not take "10 minutes later",
"2024 was" or "1.5 cups": a marker needs its punctuation, at most three digits, and a space after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_MARKER = re.compile(
    rf"""(?P<indent>[ \t]*)
    (?P<heading>\#{{1,6}}[ \t]+)?
    (?P<bold>\*\*|__)?
    (?: (?P<word>step|langkah)[ \t]+(?P<counted>\d{{1,3}})(?P<after_word>[.):]|(?=[*_]{{2}}|[ \t]+[-–—][ \t]))
      | (?P<number>\d{{1,3}})(?P<after_number>[.)])
      | (?P<circled>[{_CIRCLED}]) )
    (?P<closing>\*\*|__)?:?
    (?(circled)|(?=\s|$))""",
    re.VERBOSE | re.IGNORECASE,
)
_BULLET = re.compile(r"[ \t]*[-*+•‣▪][ \t]+")
_ENDS_SENTENCE = re.compile(r"[.!?。…][\"'”’)*_]*$")
_NESTED_INDENT = 2  # a marker that is indented this much more than the first one belongs to the step above it


@dataclass(frozen=True)
class Step:
    """One step of the top level: its number and marker style as written; continuation and nested lines are in `text`."""

    number: int
    style: str
    text: str


@dataclass(frozen=True)
class ParsedAnswer:
    """An answer taken apart. `before` and `after` are what stands outside the list, "" where nothing does."""

    before: str
    steps: list[Step]
    after: str


@dataclass(frozen=True)
class _Marker:
    number: int
    style: str
    indent: int
    is_heading: bool
    rest: str


def parse_answer(text: str) -> ParsedAnswer:
    """The steps of an answer and the text around them.

    Lines between two markers belong to the upper step. After the last marker, a line belongs to the last step if it is
    indented or a bullet, or follows directly and goes on with the sentence; a blank line followed by unindented text ends the list.
    """
    lines = text.splitlines()
    starts = _top_level_starts(lines)
    if not starts:
        return ParsedAnswer(text.strip(), [], "")
    list_start, list_end = starts[0][0], _end_of_list(lines, *starts[-1])
    ends = [*(index for index, _ in starts[1:]), list_end]
    steps = [
        Step(marker.number, marker.style, "\n".join([marker.rest, *lines[index + 1 : end]]).strip())
        for (index, marker), end in zip(starts, ends, strict=True)
    ]
    return ParsedAnswer("\n".join(lines[:list_start]).strip(), steps, "\n".join(lines[list_end:]).strip())


def strip_markers(text: str) -> str:
    """The text without list markers and bullets at the start of its lines; the words stay as they are."""
    return "\n".join(_without_marker(line) for line in text.splitlines())


def _without_marker(line: str) -> str:
    if marker := _marker(line):
        return marker.rest
    bullet = _BULLET.match(line)
    return line[bullet.end() :] if bullet else line


def _marker(line: str) -> _Marker | None:
    match = _MARKER.match(line)
    if match is None:
        return None
    number = _CIRCLED.index(match["circled"]) + 1 if match["circled"] else int(match["counted"] or match["number"])
    rest = line[match.end() :].strip()
    if match["bold"] and not match["closing"]:  # **1. Open the box** is bold as a whole
        rest = rest.replace(match["bold"], "", 1)
    return _Marker(number, _style(match), len(match["indent"].expandtabs(4)), match["heading"] is not None, rest)


def _style(match: re.Match[str]) -> str:
    """The marker as it would look for step 1, for example `**1.**` or `#### Step 1:`."""
    heading = f"{match['heading'].strip()} " if match["heading"] else ""
    if match["circled"]:
        core = "①"
    elif match["word"]:
        core = f"{match['word'].capitalize()} 1{match['after_word']}"
    else:
        core = f"1{match['after_number']}"
    return heading + (match["bold"] or "") + core + (match["bold"] or "")


def _top_level_starts(lines: list[str]) -> list[tuple[int, _Marker]]:
    starts: list[tuple[int, _Marker]] = []
    top_indent = 0
    for index, line in enumerate(lines):
        marker = _marker(line)
        if marker is None:
            continue
        if not starts:
            top_indent = marker.indent
        if marker.indent < top_indent + _NESTED_INDENT:
            starts.append((index, marker))
    return starts


def _end_of_list(lines: list[str], index: int, marker: _Marker) -> int:
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
