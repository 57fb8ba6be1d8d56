"""The report of an unblinded study: worked out and written into its folder."""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import DataError
from toolkit.records import write_json, write_text
from toolkit.results.study import StudyResults
from toolkit.review.study.analysis import analyse
from toolkit.review.study.closing import opened_key
from toolkit.review.study.folder import StudyFolder
from toolkit.review.study.report_text import markdown
from toolkit.review.study.verify import find_changes


def write_report(folder: StudyFolder, results: Path | None = None) -> tuple[StudyResults, Path]:
    """Write report/study_report.json and .md; returns the results and the path of the text.

    Raises:
        UsageError: not locked, or not unblinded yet.
        DataError: something was changed since it was sealed.
    """
    key = opened_key(folder)
    if changes := find_changes(folder):
        raise DataError(
            "the study cannot be reported, since it is not as it was sealed:"
            + "".join(f"\n  - {change}" for change in changes)
        )
    found = analyse(folder, key, results)
    text_file = folder.report_file.with_suffix(".md")
    write_json(folder.report_file, found.to_json())
    write_text(text_file, markdown(found))
    return found, text_file
