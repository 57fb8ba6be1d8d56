"""Curating: what people decided of the rows (toolkit.review) is applied, after deduplication and before the split.

A rejected row is left out with the reasons given, an edited one gets its new text, a near-duplicate that was accepted
comes back. An open disagreement keeps the text only where somebody accepts it. Decisions on a text that has changed
since do not count, and the ledger says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from toolkit.data.cleaning.normalise import normalise_row
from toolkit.data.rows import Batch, Dropped, Row
from toolkit.dataset_folder.documents import CurationReport
from toolkit.errors import DataError
from toolkit.options.data import CurationOptions
from toolkit.records import JSON
from toolkit.review.curation_items import duplicate_line, review_line, text_digest
from toolkit.review.rulings import Ruling, curation_report, read_journals, rulings

ASKS_FOR_REVIEW = "review: "  # notes that begin so put a row before a person
DECIDED_OF_OTHER_TEXT = "review: decided of another text"


@dataclass(frozen=True)
class Curated:
    """The batch after people's decisions, and the report for the card."""

    batch: Batch
    report: CurationReport | None = None


def apply_curation(batch: Batch, options: CurationOptions, mask: Callable[[Row], Row]) -> Curated:
    """The batch after what people decided, if there are journals; `mask` anonymises edited rows.

    Raises:
        DataError: the folder holds no journal.
    """
    if options.journals is None:
        return Curated(batch)
    everybody = read_journals(options.journals)
    if not everybody:
        raise DataError(
            f"{options.journals} holds no journal of `steptune curate`; give the folder NAME.curation next to a data"
            " set."
        )
    decided = rulings(everybody)
    restored, dropped = [], []
    for item in batch.dropped:
        ruling = decided.get(item.row.id)
        is_wanted = (
            item.kept_for and ruling and _fits(item.row, ruling) and ruling.verdict != "reject" and not ruling.is_open
        )
        if is_wanted:
            restored.append(
                replace(item.row, notes=(*item.row.notes, f"kept in addition to {item.kept_for} by a person"))
            )
        else:
            dropped.append(item)
    rows = sorted([*batch.kept, *restored], key=lambda row: row.position)
    curated = Batch([], dropped).sift(_decide(row, decided.get(row.id), options.only_accepted, mask) for row in rows)
    return Curated(curated, curation_report(everybody))


def _fits(row: Row, ruling: Ruling) -> bool:
    return text_digest(row.prompt, row.output) == ruling.digest


def _decide(row: Row, ruling: Ruling | None, only_accepted: bool, mask: Callable[[Row], Row]) -> Row | Dropped:
    if ruling is not None and not _fits(row, ruling):
        row, ruling = replace(row, notes=(*row.notes, DECIDED_OF_OTHER_TEXT)), None
    if ruling is not None and ruling.is_open and not ruling.keeps_text:
        return Dropped(row, "people disagree on it, and nobody accepts the text as it is")
    if ruling is None or ruling.is_open:
        undecided = "people disagree on it" if ruling else "not accepted by a person"
        return Dropped(row, undecided) if only_accepted else row
    if ruling.verdict == "reject":
        return Dropped(row, f"rejected: {ruling.reason}")
    if ruling.verdict == "accept":
        return row
    edited = normalise_row(
        replace(row, prompt=ruling.prompt, output=ruling.output, notes=(*row.notes, "edited by a person"))
    )
    return edited if isinstance(edited, Dropped) else mask(edited)


def review_lines(batch: Batch) -> list[JSON]:
    """What a person should look at: rows with a note that asks for it, and near-duplicates that were left out."""
    lines = [
        review_line(row.id, note.removeprefix(ASKS_FOR_REVIEW))
        for row in batch.kept
        for note in row.notes
        if note.startswith(ASKS_FOR_REVIEW)
    ]
    for item in batch.dropped:
        if item.kept_for and item.reason != "exact duplicate":
            lines.append(
                duplicate_line(item.row.id, item.row.prompt, item.row.output, item.row.meta, item.kept_for, item.reason)
            )
    return lines
