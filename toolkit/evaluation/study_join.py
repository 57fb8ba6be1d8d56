"""A finished blind study joined to the automatic metrics: its JSON checked, and how each metric goes with what people
said.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import ValidationError

from toolkit.errors import DataError
from toolkit.evaluation.inputs import TestItem
from toolkit.evaluation.intervals import LEVEL, Floats
from toolkit.evaluation.schema import StudyResults
from toolkit.evaluation.scoring import MetricScores
from toolkit.records import JSON, read_json

CORRELATED = ("rouge_l", "bertscore_f1", "format_conformance", "step_f1", "order_tau")
_FEWEST = 5  # rated answers for a correlation
_RESAMPLES = 2_000


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

    The interval resamples items, all answers to one together.
    """
    index = {item.id: position for position, item in enumerate(items)}
    rows = []
    for metric in CORRELATED:
        for criterion in study["criteria"]:
            points = [
                (
                    index[row["item"]],
                    float(scores[row["system"]][metric].values[index[row["item"]]]),
                    float(row["scores"][criterion]),
                )
                for row in study["item_scores"]
                if row["system"] in scores and criterion in row["scores"]
            ]
            found = np.array([point for point in points if not np.isnan(point[1])], dtype=np.float64).reshape(-1, 3)
            rows.append({"metric": metric, "criterion": criterion, **_correlation(found, seed), "n": len(found)})
    return rows


def spearman(x: Floats, y: Floats) -> float | None:
    """Spearman's ρ with average ranks for ties; None where either does not vary."""
    return pearson(average_ranks(x), average_ranks(y))


def kendall_b(x: Floats, y: Floats) -> float | None:
    """Kendall's τ-b; None where either does not vary."""
    upper = np.triu_indices(len(x), 1)
    signs_x, signs_y = (np.sign(values[:, None] - values[None, :])[upper] for values in (x, y))
    scale = float(np.sqrt(float((signs_x != 0).sum()) * float((signs_y != 0).sum())))
    return float((signs_x * signs_y).sum()) / scale if scale else None


def pearson(x: Floats, y: Floats) -> float | None:
    """Pearson's r; None where either does not vary."""
    a, b = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 1e-12 else None


def average_ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def _correlation(points: Floats, seed: int) -> JSON:
    if len(points) < _FEWEST:
        return {"spearman": None, "ci95": None, "kendall": None}
    x, y = points[:, 1], points[:, 2]
    rho = spearman(x, y)
    return {"spearman": rho, "ci95": None if rho is None else _interval(points, seed), "kendall": kendall_b(x, y)}


def _interval(points: Floats, seed: int) -> list[float] | None:
    items = np.unique(points[:, 0])
    if len(items) < _FEWEST:
        return None
    rows = {item: np.flatnonzero(points[:, 0] == item) for item in items}
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(_RESAMPLES):
        drawn = np.concatenate([rows[item] for item in generator.choice(items, len(items))])
        rho = spearman(points[drawn, 1], points[drawn, 2])
        if rho is not None:
            found.append(rho)
    return (
        [float(end) for end in np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])]
        if len(found) >= _RESAMPLES / 2
        else None
    )
