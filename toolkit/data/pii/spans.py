"""What finders of personal data hand over: spans of a text with kind, key and certainty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from toolkit.options.data import PersonalKind

KINDS = get_args(PersonalKind)


@dataclass(frozen=True)
class Span:
    """Characters [start, end) of a text. `key` is the same for the same address or number however it is written.

    `score`: 1 for what a rule or checksum decides, else the tagger's probability.
    """

    start: int
    end: int
    kind: str
    key: str
    score: float = 1.0


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """The spans in order of the text; of those that overlap the one that was given first."""
    chosen: list[Span] = []
    for span in spans:
        if all(span.end <= other.start or span.start >= other.end for other in chosen):
            chosen.append(span)
    return sorted(chosen, key=lambda span: span.start)
