"""An audit: rows drawn at random that a person judges one by one, and what that says of all rows of the data set.

Judgements are lines of the person's journal. Everybody who audits gets the same rows, those with the lowest hashes, so
that a second audit of more rows goes on where the first one stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from toolkit.dataset_folder.documents import AuditReport, Proportion
from toolkit.records import JSON
from toolkit.review.curation_items import Item
from toolkit.review.journal import standing_entries
from toolkit.statistics.intervals import wilson_interval

AUDIT_TITLE = "Audit of rows drawn at random"  # of the card's section
AUDIT = "audit"  # the kind of a journal's entries that count here
QUESTIONS = {
    "row": "is it a how-to question that somebody would ask, with the answer to it",
    "steps": "is every step right, in its place, and none missing",
    "masking": "is all personal data masked, and nothing else",
}


def drawn(items: Mapping[str, Item], count: int) -> list[Item]:
    """`count` rows of the splits at random, the same for everybody; all of them where there are fewer."""
    rows = [item for item in items.values() if item.split]
    return sorted(rows, key=lambda item: hashlib.sha256(f"audit\n{item.id}".encode()).hexdigest())[:count]


def judged(entries: Sequence[JSON], items: Mapping[str, Item] | None = None) -> dict[str, JSON]:
    """A person's last standing judgement by row; with `items` those of their present texts alone."""
    found = {entry["id"]: entry for entry in standing_entries(list(entries)) if entry["kind"] == AUDIT}
    if items is None:
        return found
    return {name: entry for name, entry in found.items() if name in items and items[name].digest == entry["digest"]}


def audit_report(
    everybody: Mapping[str, Sequence[JSON]], items: Mapping[str, Item] | None = None
) -> AuditReport | None:
    """The share of right rows, steps and masking with 95 % intervals (Wilson); None before anybody has judged a row.

    A row that several people judged counts as right where all of them say so.
    """
    by_row: dict[str, list[JSON]] = {}
    for entries in everybody.values():
        for name, entry in judged(entries, items).items():
            by_row.setdefault(name, []).append(entry)
    if not by_row:
        return None
    right = {what: sum(all(entry[what] for entry in entries) for entries in by_row.values()) for what in QUESTIONS}
    return AuditReport(len(by_row), {what: _proportion(count, len(by_row)) for what, count in right.items()})


def _proportion(right: int, count: int) -> Proportion:
    low, high = wilson_interval(right, count) or (0.0, 1.0)
    return Proportion(right, round(right / count, 4), round(low, 4), round(high, 4))


def audit_rows(report: AuditReport) -> list[tuple[str, str, str, str]]:
    """The report as the card's table has it: what, right, share, 95 % interval."""
    return [
        (what, f"{found.right} of {report.rows}", f"{found.share:.3f}", f"{found.low:.3f} to {found.high:.3f}")
        for what, found in report.right.items()
    ]


def audit_lines(report: AuditReport) -> list[str]:
    """The report in words, a line for each question."""
    return [
        f"audit of {report.rows} rows drawn at random, 95 % intervals:",
        *(
            f"  {what} right: {found.right} of {report.rows}, {found.share:.2f} ({found.low:.2f} to {found.high:.2f})"
            for what, found in report.right.items()
        ),
    ]
