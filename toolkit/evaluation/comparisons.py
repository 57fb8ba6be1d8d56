"""Every system against the baseline, metric by metric, as rows of results.json; what is above the floor is what is
tested, with Holm's correction over the declared family.
"""

from __future__ import annotations

import math

import numpy as np

from toolkit.evaluation.inputs import System
from toolkit.evaluation.intervals import Clustered, Floats, cluster, groups_enough, mean_interval, smallest_detectable
from toolkit.evaluation.paired import compare, difference_p
from toolkit.evaluation.rates import rate
from toolkit.evaluation.scoring import MetricScores
from toolkit.evaluation.several import Difference, Runs, combined_degrees, split_variance
from toolkit.options.evaluation import MetricOptions
from toolkit.results.document import AboveFloor, Comparison, Shares, VarianceSplit
from toolkit.results.headline import baseline_of
from toolkit.results.metrics import COMPARED, reach_of
from toolkit.runs.recorder import Recorder
from toolkit.statistics.intervals import LEVEL, Interval, holm
from toolkit.statistics.power import POWER, critical_t, groups_needed, skew_aware_p
from toolkit.statistics.student import t_quantile

Scores = dict[str, dict[str, MetricScores]]  # system -> metric -> scores


def compare_systems(
    systems: list[System], scores: Scores, runs: Runs, groups: list[str], options: MetricOptions, recorder: Recorder
) -> tuple[list[Comparison], list[VarianceSplit]]:
    """All rows; a row without a common item stays in Holm's family with p = 1. With the variance of each, to which
    the `runs` of a system add theirs.
    """
    by_name = {system.name: system for system in systems}
    baseline = baseline_of(by_name)
    pairs = [(name, metric) for name in by_name if name != baseline for metric in COMPARED]
    rows: list[Comparison] = []
    splits: list[VarianceSplit] = []
    for done, (name, metric) in enumerate(pairs, start=1):
        row = nothing_in_common(name, baseline, metric)
        found = _compare(row, scores[name][metric], scores[baseline][metric], groups, options, len(pairs))
        if found:
            kept, tested = found
            spread = split_variance(metric, by_name[name], by_name[baseline], runs, kept, tested)
            splits.append(spread.split)
            _widen(row, tested, spread, len(pairs))
        rows.append(row)
        recorder.progress("bootstrap", done, len(pairs))
        recorder.check_stop()
    for row, adjusted in zip(rows, holm([1.0 if row.p is None else row.p for row in rows]), strict=True):
        row.p_holm = None if row.p is None else adjusted
    return rows, splits


def nothing_in_common(a: str, b: str, metric: str) -> Comparison:
    """The row of two systems that share no item with a value."""
    return Comparison(
        a=a,
        b=b,
        metric=metric,
        difference=None,
        ci95=None,
        p=None,
        effect=None,
        smallest_detectable=None,
        groups_enough=None,
        skewness=None,
        wins=0,
        ties=0,
        losses=0,
        n=0,
        shares=None,
        floor_difference=None,
        above_floor=None,
        p_holm=None,
    )


def _compare(
    row: Comparison, a: MetricScores, b: MetricScores, groups: list[str], options: MetricOptions, tests: int
) -> tuple[np.ndarray, Clustered] | None:
    """Fill in the paired difference, that of the floors (gained whatever the question is), and what is left above,
    which is tested as one of `tests`. Returns the items that were compared and what was tested, None without any.
    """
    both = np.flatnonzero(~np.isnan(a.values) & ~np.isnan(b.values))
    if not len(both):
        return None
    kept = [groups[index] for index in both]
    values_a, values_b = a.values[both], b.values[both]
    samples, seed = options.bootstrap_samples, options.seed
    found = compare(values_a, values_b, kept, samples, seed, reach_of(row.metric, 1))
    row.difference, row.ci95, row.effect = found.difference, found.ci95, found.effect
    row.wins, row.ties, row.losses, row.n = found.wins, found.ties, found.losses, found.n
    row.shares = _shares(values_a - values_b, kept)
    floors_a, floors_b = a.floors[both], b.floors[both]
    has_floors = not (np.isnan(floors_a).any() or np.isnan(floors_b).any())
    tested = cluster((values_a - floors_a) - (values_b - floors_b) if has_floors else values_a - values_b, kept)
    row.p, row.skewness = difference_p(tested, seed), tested.skewness
    row.smallest_detectable, row.groups_enough = smallest_detectable(tested, tests), groups_enough(tested, tests)
    if has_floors:
        row.floor_difference = float((floors_a - floors_b).mean())
        row.above_floor = AboveFloor(
            difference=tested.mean, ci95=mean_interval(tested, samples, seed, reach_of(row.metric, 2))
        )
    return both, tested


def _widen(row: Comparison, tested: Clustered, runs: Difference, tests: int) -> None:
    """Let intervals and test hold above the runs as well as the items; neither becomes narrower by it."""
    if tested.groups < 2 or not runs.variance or row.p is None:
        return
    degrees = combined_degrees(tested, runs)
    error = math.sqrt(tested.standard_error**2 + runs.variance)
    half = t_quantile((1 + LEVEL) / 2, degrees) * error
    row.ci95 = _wider(row.ci95, row.difference, half, reach_of(row.metric, 1))
    if row.above_floor:
        row.above_floor.ci95 = _wider(row.above_floor.ci95, tested.mean, half, reach_of(row.metric, 2))
    n, share = tested.degrees + 1, (tested.standard_error / error) ** 2
    row.p = max(row.p, skew_aware_p(tested.mean / error, tested.skewness, degrees, n, share))
    needed = critical_t(degrees, tests, n, share) + t_quantile(POWER, degrees)
    row.smallest_detectable = needed * error
    left = tested.mean**2 - needed**2 * runs.variance  # more items do not shrink what the runs add
    deviation = tested.standard_error * math.sqrt(tested.groups)
    row.groups_enough = groups_needed(math.sqrt(left) / deviation, tests) if left > 0 and deviation else None


def _wider(known: Interval | None, mean: float | None, half: float, reach: Interval) -> Interval | None:
    if known is None or mean is None:
        return known
    return max(reach[0], min(known[0], mean - half)), min(reach[1], max(known[1], mean + half))


def _shares(differences: Floats, groups: list[str]) -> Shares:
    win, tie, loss = (
        rate([bool(flag) for flag in found], groups)
        for found in (differences > 1e-9, np.abs(differences) <= 1e-9, differences < -1e-9)
    )
    return Shares(win=win, tie=tie, loss=loss)
