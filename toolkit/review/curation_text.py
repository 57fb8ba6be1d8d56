"""How far a curation is, in the words that commands and screens show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from toolkit.dataset_folder.documents import CurationReport
from toolkit.review.audit import audit_lines
from toolkit.review.curation import View

MARKER = re.compile(r"\(?\d{1,3}[.)](?:\s+|$)")


def report_lines(report: CurationReport) -> list[str]:
    """The report of `curation_report`, a fact a line."""
    agreement = report.agreement
    return [
        *(f"{name}: {count} rows decided" for name, count in report.annotators.items()),
        "  ".join(f"{verdict} {count}" for verdict, count in report.verdicts.items()),
        f"open disagreements {report.open_disagreements}, settled {report.adjudicated}",
        f"agreement on {agreement.rows} shared rows: Krippendorff's alpha {_share(agreement.krippendorff_alpha)}",
        *(
            f"  Cohen's kappa {names} ({pair.rows} rows): {_share(pair.cohen_kappa)}"
            for names, pair in agreement.pairs.items()
        ),
        *(audit_lines(report.audit) if report.audit else ()),
    ]


def numbered(lines: Iterable[str]) -> str:
    """Edited steps, one a line, numbered anew; a number without a mark behind it ("2 cups") belongs to the step."""
    steps = (MARKER.sub("", line.strip()) for line in lines)
    return "\n".join(f"{number}. {step}" for number, step in enumerate((step for step in steps if step), start=1))


def open_line(waiting: Mapping[View, int]) -> str:
    """What is still open, view by view."""
    return "Open: " + ", ".join(f"{count} in {view}" for view, count in waiting.items()) + "."


def _share(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
