"""How far a curation is, in the words that commands and screens show."""

from __future__ import annotations

from toolkit.dataset_folder.documents import CurationReport


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
    ]


def _share(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
