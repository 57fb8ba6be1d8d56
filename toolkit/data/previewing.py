"""What a build would make of its sources, seen before anything is built: some rows of each as they would come out, how
many stay, and why the others go.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from toolkit.data.cleaning.check import clean_row
from toolkit.data.rows import Dropped, Row
from toolkit.options.data import CleaningOptions
from toolkit.records import JSON

SHOWN = 20
MOST_JUDGED = 2_000  # rows of a source that are cleaned for its yield
MOST_REASONS = 3


@dataclass
class SourcePreview:
    """One source so far. `judged` of its rows were cleaned, `kept` of those would stay; `shown` are drawn from them."""

    read: int = 0
    left_out: int = 0
    judged: int = 0
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    shown: list[tuple[int, Row]] = field(default_factory=list)

    def to_json(self, name: str) -> JSON:
        return {
            "name": name,
            "rows": self.read,
            "left_out": self.left_out,
            "judged": self.judged,
            "kept": self.kept,
            "reasons": [{"reason": reason, "rows": rows} for reason, rows in self.reasons.most_common(MOST_REASONS)],
            "shown": [
                {"place": row.place, "prompt": row.prompt, "output": row.output}
                for _, row in sorted(self.shown, key=_at)
            ],
        }


def _at(drawn: tuple[int, Row]) -> int:
    return drawn[0]


class Previews:
    """The previews of all sources, by name in the order in which they turn up."""

    def __init__(self, options: CleaningOptions) -> None:
        self.options = CleaningOptions.of(options)
        self.of: dict[str, SourcePreview] = {}
        self._random = random.Random(0)

    def passing(self, items: Iterable[Row | Dropped]) -> Iterator[Row | Dropped]:
        """The same items; what is cleaned here is a copy."""
        for item in items:
            row = item.row if isinstance(item, Dropped) else item
            seen = self.of.setdefault(row.source, SourcePreview())
            if isinstance(item, Dropped):
                seen.left_out += 1
                seen.reasons[_kind(item.reason)] += 1
            else:
                seen.read += 1
                if seen.judged < MOST_JUDGED:
                    self._judge(item, seen)
            yield item

    def _judge(self, row: Row, seen: SourcePreview) -> None:
        cleaned = clean_row(row, self.options)
        seen.judged += 1
        if isinstance(cleaned, Dropped):
            seen.reasons[_kind(cleaned.reason)] += 1
            return
        seen.kept += 1
        if len(seen.shown) < SHOWN:
            seen.shown.append((seen.judged, cleaned))
        elif (place := self._random.randrange(seen.kept)) < SHOWN:
            seen.shown[place] = (seen.judged, cleaned)


def _kind(reason: str) -> str:
    """A reason without what it says of the one row: "the title names no task: 'Colours'"."""
    return reason.split(": ", 1)[0]
