"""A finished blind study joined to the automatic metrics: its JSON checked, and how each metric goes with what people
said.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from toolkit.errors import DataError
from toolkit.evaluation.inputs import TestItem
from toolkit.evaluation.schema import StudyResults
from toolkit.evaluation.scoring import MetricScores
from toolkit.records import JSON, read_json
from toolkit.results.metrics import COMPARED
from toolkit.statistics.correlation import rank_correlation


def read_study(path: Path, items: list[TestItem]) -> JSON:
    """The report of `steptune study report`: its JSON file, or the study folder that holds it.

    Raises:
        DataError: no such report, not of the published form, not verified, or about other items.
    """
    file = (
        next(
            (path / name for name in ("study_report.json", "report/study_report.json") if (path / name).exists()),
            path / "report" / "study_report.json",
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
    return study.model_dump(mode="json")


def correlate(study: JSON, items: list[TestItem], scores: dict[str, dict[str, MetricScores]], seed: int) -> list[JSON]:
    """Spearman's ρ and Kendall's τ-b of each metric with each criterion, over rated answers of systems with that
    metric.

    The interval resamples groups of items, all answers to them together.
    """
    index = {item.id: position for position, item in enumerate(items)}
    rows = []
    for metric in COMPARED:
        for criterion in study["criteria"]:
            points = [
                (
                    items[index[row["item"]]].group,
                    float(scores[row["system"]][metric].values[index[row["item"]]]),
                    float(row["scores"][criterion]),
                )
                for row in study["item_scores"]
                if row["system"] in scores and criterion in row["scores"]
            ]
            known = [point for point in points if not math.isnan(point[1])]
            correlation = rank_correlation(
                [measured for _, measured, _ in known],
                [human for _, _, human in known],
                [group for group, _, _ in known],
                seed,
            )
            rows.append({"metric": metric, "criterion": criterion, **asdict(correlation)})
    return rows
