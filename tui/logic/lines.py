"""A line as the screens compute it: pieces of text with the name of a style. No Textual here, so tests compare plain
values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len


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


def line(*parts: str | Span | tuple[str, str]) -> Line:
    """A line of texts and (text, style) pairs; empty texts are left out."""
    spans = [part if isinstance(part, Span) else Span(part) if isinstance(part, str) else Span(*part) for part in parts]
    return tuple(span for span in spans if span.text)


def width_of(spans: Iterable[Span]) -> int:
    return sum(cell_len(span.text) for span in spans)


def plain(spans: Iterable[Span]) -> str:
    return "".join(span.text for span in spans)
