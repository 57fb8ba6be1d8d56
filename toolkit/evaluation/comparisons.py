"""Every system against the baseline, metric by metric, as rows of results.json; what is above the floor is what is
tested, with Holm's correction over the declared family.
"""

from __future__ import annotations

import numpy as np

from toolkit.evaluation.inputs import System
from toolkit.evaluation.intervals import Floats, cluster, groups_enough, mean_interval, smallest_detectable
from toolkit.evaluation.paired import compare, difference_p
from toolkit.evaluation.rates import rate
from toolkit.evaluation.scoring import MetricScores
from toolkit.options.evaluation import MetricOptions
from toolkit.results.document import AboveFloor, Comparison, Shares
from toolkit.results.headline import baseline_of
from toolkit.results.metrics import COMPARED, reach_of
from toolkit.runs.recorder import Recorder
from toolkit.statistics.intervals import holm

Scores = dict[str, dict[str, MetricScores]]  # system -> metric -> scores


def compare_systems(
    systems: list[System], scores: Scores, groups: list[str], options: MetricOptions, recorder: Recorder
) -> list[Comparison]:
    """All rows; a row without a common item stays in Holm's family with p = 1."""
    names = [system.name for system in systems]
    baseline = baseline_of(names)
    pairs = [(name, metric) for name in names if name != baseline for metric in COMPARED]
    rows: list[Comparison] = []
    for done, (name, metric) in enumerate(pairs, start=1):
        row = nothing_in_common(name, baseline, metric)
        _compare(row, scores[name][metric], scores[baseline][metric], groups, options, len(pairs))
        rows.append(row)
        recorder.progress("bootstrap", done, len(pairs))
        recorder.check_stop()
    for row, adjusted in zip(rows, holm([1.0 if row.p is None else row.p for row in rows]), strict=True):
        row.p_holm = None if row.p is None else adjusted
    return rows


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
) -> None:
    """Fill in the paired difference, that of the floors (gained whatever the question is), and what is left above,
    which is tested as one of `tests`.
    """
    both = np.flatnonzero(~np.isnan(a.values) & ~np.isnan(b.values))
    if not len(both):
        return
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


def _shares(differences: Floats, groups: list[str]) -> Shares:
    win, tie, loss = (
        rate([bool(flag) for flag in found], groups)
        for found in (differences > 1e-9, np.abs(differences) <= 1e-9, differences < -1e-9)
    )
    return Shares(win=win, tie=tie, loss=loss)
