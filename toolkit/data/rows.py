"""What travels through data-build: rows, rows that were left out with the reason, and batches of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from toolkit.errors import DataError

META_KEYS = ("domain", "app", "task", "register", "language", "persona", "difficulty", "group", "parent")
SYNTHETIC = "synthetic"  # the source of rows that a teacher wrote
NOT_JUDGED = "the judge gave no verdict"  # why such a row is left out


@dataclass(frozen=True)
class Row:
    """One candidate how-to pair on its way to a split.

    `place` is file:line below the source; `given_id` what the input called the row, `id` what the data set calls it.
    `lineage` holds names that related rows share (a document, a section, a group or parent named in the input).
    `language` is a code: what the row, its source or a classifier says. `masks` counts masked spans by kind; `notes`
    say what was changed or passed unjudged.
    """

    source: str
    place: str
    position: int = 0  # order in the input, over all sources
    prompt: str = ""
    output: str = ""
    given_id: str = ""
    id: str = ""
    meta: dict[str, str] = field(default_factory=dict)
    lineage: tuple[str, ...] = ()
    masks: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True)
class Dropped:
    """A row that was left out. `unreadable` marks faults of the input itself, which `strict` does not forgive."""

    row: Row
    reason: str
    kept_for: str = ""
    unreadable: bool = False


@dataclass(frozen=True)
class Batch:
    """All rows of the input after a stage: those still in, in input order, and those left out so far."""

    kept: Sequence[Row]  # a list, or rows that lie on the disk
    dropped: Sequence[Dropped] = field(default_factory=list)

    def sift(self, results: Iterable[Row | Dropped]) -> Batch:
        """The batch after a stage that gave one result for each kept row."""
        kept: list[Row] = []
        dropped = list(self.dropped)
        for result in results:
            if isinstance(result, Dropped):
                dropped.append(result)
            else:
                kept.append(result)
        return Batch(kept, dropped)

    def without_copies(self, copies: dict[int, tuple[int, str]]) -> Batch:
        """The batch without the kept rows at these indexes; each is left out for the row at another index, with a
        reason.
        """
        dropped = [
            Dropped(self.kept[at], reason, kept_for=self.kept[first].id)
            for at, (first, reason) in sorted(copies.items())
        ]
        return Batch(
            Selected(self.kept, [at for at in range(len(self.kept)) if at not in copies]), [*self.dropped, *dropped]
        )


class Selected(Sequence[Row]):
    """Some of the rows of a sequence, without copying them."""

    def __init__(self, rows: Sequence[Row], indexes: Sequence[int]) -> None:
        self._rows, self._indexes = rows, indexes

    def __len__(self) -> int:
        return len(self._indexes)

    @property
    def ids(self) -> list[str]:
        known = row_ids(self._rows)
        return [known[at] for at in self._indexes]

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        return Selected(self._rows, self._indexes[at]) if isinstance(at, slice) else self._rows[self._indexes[at]]

    def __iter__(self) -> Iterator[Row]:
        """In one pass over the rows, which reads those on the disk in order; indexes are ascending."""
        wanted = iter(self._indexes)
        at = next(wanted, None)
        for number, row in enumerate(self._rows if at is not None else ()):
            if number == at:
                yield row
                if (at := next(wanted, None)) is None:
                    return


def row_ids(rows: Sequence[Row]) -> Sequence[str]:
    """The ids of rows in order; of rows on the disk without reading them."""
    known: Sequence[str] | None = getattr(rows, "ids", None)
    return known if known is not None else [row.id for row in rows]


def require_rows(batch: Batch) -> None:
    """Raise DataError for a source of which nothing was usable, naming the commonest reason and its first place."""
    usable = {row.source for row in batch.kept}
    empty = next((item for item in batch.dropped if item.row.source not in usable and not item.kept_for), None)
    if empty is None:
        return
    source = empty.row.source
    dropped = [item for item in batch.dropped if item.row.source == source]
    if any(item.kept_for for item in dropped):
        return
    kinds = Counter(reason_kind(item.reason) for item in dropped)
    ((commonest, count),) = kinds.most_common(1)
    first = next(item for item in dropped if reason_kind(item.reason) == commonest)
    often = f"{count} of them, " if len(kinds) > 1 else ""
    if source == SYNTHETIC:
        raise DataError(
            f"The teacher wrote no usable row: {len(dropped)} asked for, none kept ({often}first: {first.reason}). Take"
            " another model or raise teacher.max_tokens, or build without it (synthesis.rows=0"
            " synthesis.grounded_rows=0)."
        )
    raise DataError(
        f"The source {source!r} has no usable row: {len(dropped)} read, none kept ({often}first:"
        f" {first.row.place}: {first.reason}). Each row needs a question and numbered steps; check the path, the field"
        " names and the limits of the config."
    )


def reason_kind(reason: str) -> str:
    """A reason without the places, titles and numbers that differ from row to row."""
    return reason.split(":")[0].split(" (")[0]
