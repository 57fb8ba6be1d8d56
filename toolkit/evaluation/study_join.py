"""A finished blind study joined to the automatic metrics: its JSON checked, and how each metric goes with what people
said.
"""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import ValidationError

from toolkit.errors import DataError
from toolkit.evaluation.inputs import TestItem
from toolkit.evaluation.scoring import MetricScores
from toolkit.records import read_json
from toolkit.results.metrics import COMPARED
from toolkit.results.parts import Correlation
from toolkit.results.study import STUDY_REPORT, StudyResults
from toolkit.statistics.correlation import rank_correlation


def read_study(path: Path, items: list[TestItem]) -> StudyResults:
    """The report of `steptune study report`: its JSON file, or the study folder that holds it.

    Raises:
        DataError: no such report, not of the published form, not verified, or about other items.
    """
    file = (
        next(
            (file for file in (path / STUDY_REPORT, path / "report" / STUDY_REPORT) if file.exists()),
            path / "report" / STUDY_REPORT,
        )
        if path.is_dir()
        else path
    )
    document = read_json(file)
    if document is None:
        raise DataError(
            f"study_results: {file} is missing or not JSON; `steptune study report` writes it once the study is"
            " unblinded."
        )
    try:
        study = StudyResults.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(
            f"study_results: {file}: {place}: {first['msg']}; expected a report of `steptune study report`."
        ) from None
    if not study.verified:
        raise DataError(
            f"study_results: {file} says that the study did not verify; run `steptune study verify` to see what was"
            " changed."
        )
    known = {item.id for item in items}
    unknown = sorted({row.item for row in study.item_scores} - known)
    if unknown:
        raise DataError(
            f"study_results: {file} rates {len(unknown)} items that are not evaluated here, such as {unknown[0]};"
            " evaluate the data of that study."
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
