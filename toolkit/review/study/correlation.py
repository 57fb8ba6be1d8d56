"""Do the automatic metrics say what people say? Rank correlation over the answers of a study, from evaluate's
results.json.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean

from toolkit.errors import DataError
from toolkit.records import JSON, read_json
from toolkit.review.study.judgements import OVERALL

HumanScores = Mapping[str, Mapping[str, float]]  # item -> system -> mean human score
Points = dict[str, dict[str, tuple[float, float]]]  # item -> system -> (metric, human)


def metric_correlations(human: HumanScores, results_file: Path, samples: int, seed: int) -> list[JSON]:
    """A row per metric, as in results.json, and how often the metric orders two answers to one question as people do.

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
        {"metric": metric, "criterion": OVERALL, **_correlation(found, samples, seed)}
        for metric, found in points.items()
        if found
    ]
    if not rows:
        raise DataError(
            f"{results_file} shares no answer with this study; give the results.json of the same predictions and"
            " systems."
        )
    return rows


def spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Rank correlation with mid-ranks for ties; None for fewer than three pairs or no variation."""
    if len(pairs) < 3:
        return None
    x, y = _ranks([a for a, _ in pairs]), _ranks([b for _, b in pairs])
    mean = (len(pairs) + 1) / 2
    spread = math.sqrt(sum((a - mean) ** 2 for a in x) * sum((b - mean) ** 2 for b in y))
    return sum((a - mean) * (b - mean) for a, b in zip(x, y, strict=True)) / spread if spread else None


def kendall_tau_b(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Concordance corrected for ties on both sides; None for no variation."""
    concordant = sum(_sign(a[0] - b[0]) * _sign(a[1] - b[1]) for a, b in combinations(pairs, 2))
    total = len(pairs) * (len(pairs) - 1) / 2
    tied = [sum(count * (count - 1) / 2 for count in Counter(pair[side] for pair in pairs).values()) for side in (0, 1)]
    spread = math.sqrt((total - tied[0]) * (total - tied[1]))
    return concordant / spread if spread else None


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


def _correlation(points: Points, samples: int, seed: int) -> JSON:
    pairs = [pair for systems in points.values() for pair in systems.values()]
    agreed = [
        _sign(a[0] - b[0]) == _sign(a[1] - b[1])
        for systems in points.values()
        for a, b in combinations(systems.values(), 2)
        if a[1] != b[1]
    ]
    return {
        "spearman": spearman(pairs),
        "ci95": _item_interval(points, spearman, samples, seed),
        "kendall": kendall_tau_b(pairs),
        "n": len(pairs),
        "orders_as_people": fmean(map(float, agreed)) if agreed else None,
        "ordered_pairs": len(agreed),
    }


def _item_interval(
    points: Points, statistic: Callable[[Sequence[tuple[float, float]]], float | None], samples: int, seed: int
) -> tuple[float, float] | None:
    """Percentile interval over resampled items; None where too many resamples have no value."""
    if len(points) < 3:
        return None
    generator = random.Random(seed)
    rows = [list(systems.values()) for systems in points.values()]
    values = [
        value
        for _ in range(samples)
        if (value := statistic([pair for row in generator.choices(rows, k=len(rows)) for pair in row])) is not None
    ]
    if len(values) < 0.95 * samples:
        return None
    values.sort()
    return values[int(0.025 * len(values))], values[min(len(values) - 1, int(0.975 * len(values)))]


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for at in order[start : end + 1]:
            ranks[at] = (start + end) / 2 + 1
        start = end + 1
    return ranks


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
