"""What a teacher is shown of the user's own rows: a few as examples, and the questions that are there already.

Chosen by hash(seed, question) while the rows pass by, so that the same sources give the same prompts and memory holds a
few rows for each place of the grid.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from toolkit.data.cleaning.normalise import normalise_row
from toolkit.data.rows import Row
from toolkit.data.teacher.grid import Cell

EXAMPLES, QUESTIONS = 2, 10
MOST_EXAMPLE_CHARS, MOST_QUESTION_CHARS = 700, 160

Key = tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """Examples and questions for one prompt, without personal data."""

    examples: tuple[Row, ...] = ()
    questions: tuple[str, ...] = ()


NOTHING_SHOWN = Shown()


@dataclass
class OwnRows:
    """The rows that may be shown. `mask` takes personal data out of a row; `lineages`: sections to be written from."""

    seed: int
    mask: Callable[[Row], Row]
    lineages: frozenset[str] = frozenset()
    _kept: dict[Key, list[tuple[int, int, Row]]] = field(default_factory=dict)

    def passing(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, remembered as they pass."""
        for number, row in enumerate(rows):
            digest = hashlib.blake2b(f"{self.seed}\n{row.prompt}".encode(errors="replace"), digest_size=8).digest()
            order = -int.from_bytes(digest, "big")  # the heap's first is the one to go
            for key in self._keys(row):
                kept = self._kept.setdefault(key, [])
                (heapq.heappush if len(kept) < QUESTIONS else heapq.heappushpop)(kept, (order, number, row))
            yield row

    def _keys(self, row: Row) -> Iterator[Key]:
        language, domain, task = (row.meta.get(name, "") for name in ("language", "domain", "task"))
        yield from {("language", language), ("domain", domain, language), ("task", domain, task, language)}
        yield from (("section", name) for name in row.lineage if name in self.lineages)

    def shown(self, cell: Cell, lineage: str = "") -> Shown:
        """What a prompt for a cell shows: rows of the same task and domain before others in its language."""
        domain = ("domain", cell.domain, cell.language)
        of_task = ("task", cell.domain, cell.task, cell.language)
        keys: list[Key] = [("section", lineage)] if lineage else [of_task, domain]
        asked = [self._masked(row) for key in keys for row in self._in_order(key)]
        examples = [self._masked(row) for key in (domain, ("language", cell.language)) for row in self._in_order(key)]
        fitting = {row.prompt: row for row in examples if row and _chars(row) <= MOST_EXAMPLE_CHARS}
        return Shown(
            tuple(fitting.values())[:EXAMPLES],
            tuple(dict.fromkeys(row.prompt[:MOST_QUESTION_CHARS] for row in asked if row))[:QUESTIONS],
        )

    def _in_order(self, key: Key) -> list[Row]:
        return [row for _, _, row in sorted(self._kept.get(key, ()), reverse=True)]

    def _masked(self, row: Row) -> Row | None:
        normalised = normalise_row(row)
        return self.mask(normalised) if isinstance(normalised, Row) else None


def _chars(row: Row) -> int:
    return len(row.prompt) + len(row.output)
