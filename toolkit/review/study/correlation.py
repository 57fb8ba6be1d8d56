"""Do the automatic metrics say what people say? Rank correlation over the answers of a study, from evaluate's
results.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from statistics import fmean

from toolkit.errors import DataError
from toolkit.records import JSON, read_json
from toolkit.review.study.judgements import OVERALL
from toolkit.statistics.correlation import rank_correlation, sign

HumanScores = Mapping[str, Mapping[str, float]]  # item -> system -> mean human score
Points = dict[str, dict[str, tuple[float, float]]]  # item -> system -> (metric, human)


def metric_correlations(
    human: HumanScores, results_file: Path, groups: Mapping[str, str], samples: int, seed: int
) -> list[JSON]:
    """A row per metric, as in results.json, and how often the metric orders two answers to one question as people do.

    `groups` names the group of each item.

    Raises:
        DataError: the file is no results.json, or shares no item and system with the study.
    """
    results = read_json(results_file)
    if results is None or not isinstance(results.get("items"), list):
        raise DataError(
            f"{results_file} is not a results.json of evaluate (no `items`); give the one of the same predictions."
        )
    points = {metric: _points(human, results["items"], metric) for metric in _metrics(results["items"])}
    rows = [
        {"metric": metric, "criterion": OVERALL, **_correlation(found, groups, samples, seed)}
        for metric, found in points.items()
        if found
    ]
    if not rows:
        raise DataError(
            f"{results_file} shares no answer with this study; give the results.json of the same predictions and"
            " systems."
        )
    return rows


def _metrics(items: Sequence[JSON]) -> list[str]:
    names = {metric for item in items for scores in item.get("scores", {}).values() for metric in scores}
    return sorted(names)


def _points(human: HumanScores, items: Sequence[JSON], metric: str) -> Points:
    points: Points = {}
    for item in items:
        rated = human.get(str(item.get("id")), {})
        values = {system: scores.get(metric) for system, scores in item.get("scores", {}).items() if system in rated}
        both = {
            system: (float(value), rated[system]) for system, value in values.items() if isinstance(value, int | float)
        }
        if both:
            points[str(item["id"])] = both
    return points


def _correlation(points: Points, groups: Mapping[str, str], samples: int, seed: int) -> JSON:
    rows = [(groups.get(item, item), *pair) for item, systems in points.items() for pair in systems.values()]
    correlation = rank_correlation(
        [metric for _, metric, _ in rows],
        [human for _, _, human in rows],
        [group for group, _, _ in rows],
        seed,
        samples,
    )
    agreed = [
        sign(a[0] - b[0]) == sign(a[1] - b[1])
        for systems in points.values()
        for a, b in combinations(systems.values(), 2)
        if a[1] != b[1]
    ]
    return {
        **asdict(correlation),
        "orders_as_people": fmean(map(float, agreed)) if agreed else None,
        "ordered_pairs": len(agreed),
    }
