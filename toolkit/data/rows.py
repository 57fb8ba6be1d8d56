"""What travels through data-build: rows, rows that were left out with the reason, and batches of both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from toolkit.errors import DataError

META_KEYS = ("domain", "app", "task", "register", "language", "persona", "difficulty", "group", "parent")


@dataclass(frozen=True)
class Row:
    """One candidate how-to pair on its way to a split.

    `place` is file:line below the source; `given_id` what the input called the row, `id` what the data set calls it.
    `lineage` holds names that related rows share (a document, a section, a group or parent named in the input).
    `masks` counts masked spans by kind; `notes` says what normalising took away.
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

    kept: list[Row]
    dropped: list[Dropped] = field(default_factory=list)

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


def require_rows(batch: Batch) -> None:
    """Raise DataError for a source of which nothing was usable, naming its commonest reason and where it was met first."""
    usable = {row.source for row in batch.kept}
    empty = next((item for item in batch.dropped if item.row.source not in usable and not item.kept_for), None)
    if empty is None:
        return
    source = empty.row.source
    if any(item.kept_for for item in batch.dropped if item.row.source == source):
        return
    reasons = [item.reason for item in batch.dropped if item.row.source == source]
    raise DataError(
        f"The source {source!r} has no usable row: {len(reasons)} read, none kept (first: {empty.row.place}: {empty.reason}). "
        "Each row needs a question and numbered steps; check the path, the field names and the limits of the config."
    )
