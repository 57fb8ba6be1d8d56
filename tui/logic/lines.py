"""A line as the screens compute it: pieces of text with the name of a style. No Textual here, so tests compare plain
values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len

from toolkit.terminal.layout import wrap


class Span(NamedTuple):
    """Text in one style. Styles are names; tui/themes.py says how each looks."""

    text: str
    style: str = ""


Line = tuple[Span, ...]
# Every style name that a line may use; tui/themes.py says how each looks.
STYLES = (
    "dim",
    "bold",
    "good",
    "bad",
    "warn",
    "accent",
    "title",
    "mark",
    "key",
    "added",
    "removed",
    "s1",
    "s2",
    "s3",
    "s4",
    "s5",
    "s6",
    "cursor",
    "match",
)


# Signs that ASCII has no character for of the same width: there they are written out.
ASCII_WORDS = {"↵": "Enter"}


def in_words(spans: Line) -> Line:
    """The line with such signs written out."""
    for sign, word in ASCII_WORDS.items():
        if any(sign in span.text for span in spans):
            spans = tuple(Span(span.text.replace(sign, word), span.style) for span in spans)
    return spans


def line(*parts: str | Span | tuple[str, str]) -> Line:
    """A line of texts and (text, style) pairs; empty texts are left out."""
    spans = [part if isinstance(part, Span) else Span(part) if isinstance(part, str) else Span(*part) for part in parts]
    return tuple(span for span in spans if span.text)


def wrapped(spans: Line, width: int) -> list[Line]:
    """A line in as many as it needs; what goes on in the next one is indented like the first, in the style of the last
    piece.
    """
    if width_of(spans) <= width or width < 20:
        return [spans]
    text = plain(spans)
    indent = " " * (len(text) - len(text.lstrip()))
    first, *rest = wrap(text.strip(), width - len(indent))
    return [_beginning(spans, indent + first), *((Span(indent + part, spans[-1].style),) for part in rest)]


def _beginning(spans: Line, text: str) -> Line:
    """The spans as far as they make up a text that they begin with."""
    found: list[Span] = []
    left = len(text)
    for span in spans:
        found.append(Span(span.text[:left], span.style))
        left -= len(found[-1].text)
    return line(*found)


def width_of(spans: Iterable[Span]) -> int:
    return sum(cell_len(span.text) for span in spans)


def plain(spans: Iterable[Span]) -> str:
    return "".join(span.text for span in spans)
