"""A finished blind study joined to the automatic metrics: verified here where its folder is given, and how each metric
goes with what people said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from toolkit.config_problems import first_problem
from toolkit.errors import DataError
from toolkit.evaluation.inputs import TestItem
from toolkit.evaluation.scoring import MetricScores
from toolkit.records import JSON, read_json
from toolkit.results.document import Source
from toolkit.results.metrics import COMPARED
from toolkit.results.parts import Correlation
from toolkit.results.study import STUDY_REPORT, StudyResults, other_sources
from toolkit.review.study.folder import StudyFolder
from toolkit.review.study.report_check import find_report_changes
from toolkit.review.study.verify import find_changes
from toolkit.statistics.correlation import rank_correlation


def read_study(
    path: Path, items: list[TestItem], inputs: Mapping[str, Source], lock: str | None = None
) -> StudyResults:
    """The report of `steptune study report`: of a study's folder, which is verified first, or its JSON file alone.

    `inputs` are the files of the systems evaluated here, by name; `lock` is the hash that was handed out at the lock.

    Raises:
        DataError: no such report, not of the published form, changed, or about other items or other answers.
    """
    file = path / "report" / STUDY_REPORT if path.is_dir() else path
    document = read_json(file)
    if document is None:
        raise DataError(
            f"study_results: {file} is missing or not JSON; `steptune study report` writes it once the study is"
            " unblinded."
        )
    folder = StudyFolder(file.absolute().parent.parent)
    has_folder = file.parent.name == "report" and folder.manifest_file.is_file()
    if has_folder:
        _require_unchanged(folder, lock)
    elif lock:
        raise DataError(
            f"study_lock: {file} is the JSON of a report alone, and a hash cannot be checked with it; give the study's"
            " folder as study_results."
        )
    study = _study_of(document, file)
    study.checked_here = "nothing" if not has_folder else "folder and lock" if lock else "folder"
    known = {item.id for item in items}
    unknown = sorted({row.item for row in study.item_scores} - known)
    if unknown:
        raise DataError(
            f"study_results: {file} rates {len(unknown)} items that are not evaluated here, such as {unknown[0]};"
            " evaluate the data of that study."
        )
    if other := other_sources(study.sources, {name: source.sha256 for name, source in inputs.items()}):
        raise DataError(f"study_results: what is evaluated here {other}; evaluate the files that people rated.")
    return study


def _require_unchanged(folder: StudyFolder, lock: str | None) -> None:
    if not folder.unblinded_file.exists():
        raise DataError(f"study_results: {folder.path} is not unblinded, so it has no report of its own yet.")
    changes = find_changes(folder, lock_hash=lock) or find_report_changes(folder)
    if changes:
        raise DataError(
            f"study_results: {folder.path} is not as it was sealed:" + "".join(f"\n  - {change}" for change in changes)
        )


def _study_of(document: JSON, file: Path) -> StudyResults:
    try:
        study = StudyResults.model_validate(document)
    except ValidationError as error:
        problem = first_problem(error, StudyResults)
        raise DataError(f"study_results: {file}: {problem}; expected a report of `steptune study report`.") from None
    if not study.verified:
        raise DataError(
            f"study_results: {file} says that the study did not verify; run `steptune study verify` to see what was"
            " changed."
        )
    return study


def correlate(
    study: StudyResults, items: list[TestItem], scores: dict[str, dict[str, MetricScores]], seed: int
) -> list[Correlation]:
    """Spearman's ρ and Kendall's τ-b of each metric with each criterion, over rated answers of systems with that
    metric.

    The interval resamples groups of items, all answers to them together.
    """
    index = {item.id: position for position, item in enumerate(items)}
    return [
        _correlation(
            metric,
            criterion,
            [
                (items[place].group, float(scores[row.system][metric].values[place]), row.scores[criterion])
                for row in study.item_scores
                if row.system in scores and criterion in row.scores
                for place in [index[row.item]]
            ],
            seed,
        )
        for metric in COMPARED
        for criterion in study.criteria
    ]


def _correlation(metric: str, criterion: str, points: list[tuple[str, float, float]], seed: int) -> Correlation:
    """Of points (group, metric, rating); those without a value of the metric are left out."""
    known = [point for point in points if not math.isnan(point[1])]
    found = rank_correlation(
        [measured for _, measured, _ in known], [human for _, _, human in known], [group for group, _, _ in known], seed
    )
    return Correlation(
        metric=metric, criterion=criterion, spearman=found.spearman, ci95=found.ci95, kendall=found.kendall, n=found.n
    )
