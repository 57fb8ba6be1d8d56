"""Is a study's report what its ratings give? It is computed again and compared; the same study gives the same bytes."""

from __future__ import annotations

from pydantic import ValidationError

from toolkit.records import read_json
from toolkit.results.study import StudyResults
from toolkit.review.study.analysis import analyse
from toolkit.review.study.closing import opened_key
from toolkit.review.study.folder import StudyFolder
from toolkit.review.study.report_text import markdown

_AGAIN = "`steptune study report` writes it anew"


def find_report_changes(folder: StudyFolder) -> list[str]:
    """What in report/ is not what the unchanged rest of the study gives, a sentence each; [] where there is no report.

    Correlations with an evaluation's metrics are taken as they are: they are about another file.
    """
    text_file = folder.report_file.with_suffix(".md")
    if not folder.report_file.is_file():
        return []
    try:
        written = StudyResults.model_validate(read_json(folder.report_file))
    except ValidationError:
        return [f"report/{folder.report_file.name} was changed, or is from another version of steptune; {_AGAIN}"]
    found = analyse(folder, opened_key(folder))
    if written.correlations:
        found.correlations = written.correlations
    changes = []
    if differing := _first_difference(written, found):
        changes.append(
            f"report/{folder.report_file.name}: `{differing}` is not what these ratings give; it was changed, or is"
            f" from another version of steptune: {_AGAIN}"
        )
    if not text_file.is_file() or text_file.read_text(encoding="utf-8", errors="replace") != markdown(found):
        changes.append(f"report/{text_file.name} is not what these ratings give; {_AGAIN}")
    return changes


def _first_difference(written: StudyResults, found: StudyResults) -> str:
    a, b = written.to_json(), found.to_json()
    return next((name for name in (*b, *a) if a.get(name) != b.get(name)), "")
