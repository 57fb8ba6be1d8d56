"""Numbered steps as they occur in answers: the one parser behind format conformance and marker stripping.

Takes `1.` `1)` `**1.**` `Step 1:` (`Langkah 1:`) `#### 1.` `①` and `1、` at the start of a line. Does not take "10
minutes later", "2024 was" or "1.5 cups": a marker needs its punctuation, at most three digits, and (East Asian
punctuation apart) a space after it. Writing out what was parsed and parsing it again changes nothing.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from dataclasses import dataclass

_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_MARKER = re.compile(
    rf"""(?P<indent>[ \t]*)
    (?P<heading>\#{{1,6}}[ \t]+)?
    (?P<bold>\*\*|__)?
    (?: (?P<word>step|langkah)[ \t]+(?P<counted>\d{{1,3}})(?P<after_word>[.):]|(?=[*_]{{2}}|[ \t]+[-–—][ \t]))
      | (?P<number>\d{{1,3}})(?P<after_number>[.)]|(?P<east_asian>[．、）]))
      | (?P<circled>[{_CIRCLED}]) )
    (?P<closing>\*\*|__)?:?
    (?(circled)|(?(east_asian)|(?=\s|$)))""",
    re.VERBOSE | re.IGNORECASE,
)
_BULLET = re.compile(r"[ \t]*[-*+•‣▪][ \t]+")
_ENDS_SENTENCE = re.compile(r"[.!?。…][\"'”’)*_]*$")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+(?=[^\sa-z])|(?<=[。！？])")
_DASH = re.compile(r"[-–—][ \t]+")
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
        sentence.strip() for line in text.splitlines() for sentence in _SENTENCE_END.split(_without_marker(line))
    ]
    return [step for step in steps if step]


def strip_markers(text: str) -> str:
    """The text without list markers and bullets at the start of its lines; the words stay as they are."""
    return "\n".join(_without_marker(line) for line in text.splitlines())


def _written(number: int, text: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([f"{number}. {first}".rstrip(), *(_CONTINUED + line if line else "" for line in rest)])


def _step_text(lines: list[str]) -> str:
    trimmed = [line.rstrip() for line in lines]
    first = next((index for index, line in enumerate(trimmed) if line), 0)
    rest = textwrap.dedent("\n".join(line.expandtabs(4) for line in trimmed[first + 1 :]))
    return f"{trimmed[first].strip()}\n{rest}".rstrip()


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
    if match["word"] and not match["after_word"]:
        rest = _DASH.sub("", rest, count=1)
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
