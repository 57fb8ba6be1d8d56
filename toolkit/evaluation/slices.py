"""The same numbers for the items that share a property: language, domain, register, source, length of the answer."""

from __future__ import annotations

from collections import Counter

import numpy as np

from toolkit.evaluation.comparisons import Scores
from toolkit.evaluation.inputs import TestItem
from toolkit.evaluation.intervals import Floats, cluster, mean_interval, share_interval
from toolkit.evaluation.proportions import are_yes_or_no, paired_proportion_interval
from toolkit.evaluation.scoring import MetricScores
from toolkit.options.evaluation import MetricOptions
from toolkit.results.document import AboveFloor, Slice, SliceNumber
from toolkit.results.metrics import COMPARED, HUMAN, reach_of

MOST_VALUES = 12  # of one property: what has more, such as a task for each row, makes no slices
_RESAMPLES = 1_000  # behind each of the many intervals


def properties(items: list[TestItem]) -> list[dict[str, str]]:
    """For each item its value of every property that makes slices: one that two to MOST_VALUES values occur of.

    `length` is that of the human answer: short or long, by the median of words.
    """
    words = [len(item.reference.split()) for item in items]
    middle = float(np.median(words))
    found = [
        {**item.properties, "length": "short" if count <= middle else "long"}
        for item, count in zip(items, words, strict=True)
    ]
    values = {by: {own.get(by) for own in found} for own in found for by in own}
    kept = [by for by, different in values.items() if 2 <= len(different) <= MOST_VALUES]
    return [{by: own[by] for by in kept if by in own} for own in found]


def slice_results(items: list[TestItem], scores: Scores, baseline: str, options: MetricOptions) -> list[Slice]:
    """Every slice with the numbers of each system but the human answers, the largest slice of a property first."""
    found = properties(items)
    counts = Counter((by, value) for own in found for by, value in own.items())
    order = list(dict.fromkeys(by for by, _ in counts))
    slices = []
    for (by, value), count in sorted(counts.items(), key=lambda entry: (order.index(entry[0][0]), -entry[1], entry[0])):
        chosen = np.array([own.get(by) == value for own in found])
        groups = [item.group for item, kept in zip(items, chosen, strict=True) if kept]
        numbers = {
            name: {
                metric: _number(
                    metric, own[metric], scores[baseline][metric], chosen, groups, options, name != baseline
                )
                for metric in COMPARED
            }
            for name, own in scores.items()
            if name != HUMAN
        }
        slices.append(Slice(by=by, value=value, n=count, groups=len(set(groups)), numbers=numbers))
    return slices


def above(values: Floats, groups: list[str], options: MetricOptions, reach: tuple[float, float]) -> AboveFloor | None:
    """Mean with interval of the values that are there; None where none is."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return None
    data = cluster(values[known], [groups[index] for index in known])
    return AboveFloor(difference=data.mean, ci95=mean_interval(data, options.bootstrap_samples, options.seed, reach))


def _number(
    metric: str,
    own: MetricScores,
    other: MetricScores,
    chosen: np.ndarray,
    groups: list[str],
    options: MetricOptions,
    is_compared: bool,
) -> SliceNumber:
    options = options.model_copy(update={"bootstrap_samples": min(_RESAMPLES, options.bootstrap_samples)})
    values, floors = own.values[chosen], own.floors[chosen]
    known = values[~np.isnan(values)]
    number = SliceNumber(n=len(known), mean=None, ci95=None)
    if not len(known):
        return number
    mean = above(values, groups, options, reach_of(metric))
    number.mean, number.ci95 = float(known.mean()), mean.ci95 if mean else None
    if are_yes_or_no(values):
        number.ci95 = share_interval(cluster(values, groups))
    number.above_floor = above(values - floors, groups, options, reach_of(metric, 1))
    if is_compared:
        others, other_floors = other.values[chosen], other.floors[chosen]
        number.difference = above(values - others, groups, options, reach_of(metric, 1))
        if number.difference and are_yes_or_no(values, others):
            number.difference.ci95 = paired_proportion_interval(values, others, groups)
        number.above_floor_difference = above(
            (values - floors) - (others - other_floors), groups, options, reach_of(metric, 2)
        )
    return number
