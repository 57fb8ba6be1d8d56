"""Do the automatic metrics say what people say? Rank correlation over the answers of a study, from evaluate's
results.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean

from toolkit.errors import DataError
from toolkit.results.document import Item
from toolkit.results.reading import read_results
from toolkit.results.study import HumanCorrelation, other_sources
from toolkit.review.study.judgements import OVERALL
from toolkit.statistics.correlation import rank_correlation, sign

HumanScores = Mapping[str, Mapping[str, float]]  # item -> system -> mean human score
Points = dict[str, dict[str, tuple[float, float]]]  # item -> system -> (metric, human)


def metric_correlations(
    human: HumanScores,
    results_file: Path,
    sources: Mapping[str, str],
    groups: Mapping[str, str],
    samples: int,
    seed: int,
) -> list[HumanCorrelation]:
    """A row per metric, as in results.json, and how often the metric orders two answers to one question as people do.

    `groups` names the group of each item; `sources` has the SHA-256 of the file of each system's answers.

    Raises:
        DataError: the file is not a results.json that can be read, is of other files of answers, or shares no item and
            system with the study.
    """
    results = read_results(results_file)
    items = results.items
    if other := other_sources(sources, {name: found.sha256 for name, found in results.environment.inputs.items()}):
        raise DataError(f"{results_file} {other}; give the results.json of the files that the study was made of.")
    points = {metric: _points(human, items, metric) for metric in _metrics(items)}
    rows = [_correlation(metric, found, groups, samples, seed) for metric, found in points.items() if found]
    if not rows:
        raise DataError(
            f"{results_file} shares no answer with this study; give the results.json of the same predictions and"
            " systems."
        )
    return rows


def _metrics(items: Sequence[Item]) -> list[str]:
    return sorted({metric for item in items for scores in item.scores.values() for metric in scores})


def _points(human: HumanScores, items: Sequence[Item], metric: str) -> Points:
    points: Points = {}
    for item in items:
        rated = human.get(item.id, {})
        values = {system: scores.get(metric) for system, scores in item.scores.items() if system in rated}
        both = {system: (value, rated[system]) for system, value in values.items() if value is not None}
        if both:
            points[item.id] = both
    return points


def _correlation(metric: str, points: Points, groups: Mapping[str, str], samples: int, seed: int) -> HumanCorrelation:
    rows = [(groups.get(item, item), *pair) for item, systems in points.items() for pair in systems.values()]
    correlation = rank_correlation(
        [value for _, value, _ in rows],
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
    return HumanCorrelation(
        metric=metric,
        criterion=OVERALL,
        spearman=correlation.spearman,
        ci95=correlation.ci95,
        kendall=correlation.kendall,
        n=correlation.n,
        orders_as_people=fmean(map(float, agreed)) if agreed else None,
        ordered_pairs=len(agreed),
    )
