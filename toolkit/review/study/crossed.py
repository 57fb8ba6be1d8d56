"""Means of ratings that share items and raters, with intervals that count both: the crossed item x rater bootstrap.

Treating ratings as independent claims far too much: items differ, raters differ, and three raters say little about a
fourth. Items and raters are resampled together (Owen, "The pigeonhole bootstrap", 2007). With few raters that has two
faults, both corrected here: a resampled variance of R raters is too small by (R - 1) / R, and its quantiles are no t
quantiles.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from toolkit.statistics.intervals import LEVEL, Interval, cluster_variance
from toolkit.statistics.student import t_quantile

NO_VARIATION = "no variation"
Cells = Mapping[tuple[str, str], float]  # (item, rater) -> value


@dataclass(frozen=True)
class CrossedMean:
    """A mean over items and raters. `ci95` is None where none can be had, and `note` says why."""

    mean: float
    ci95: Interval | None
    standard_error: float | None
    degrees: float | None
    items: int
    raters: int
    ratings: int
    note: str = ""


@dataclass(frozen=True)
class _Table:
    """Sums and counts as columns of raters over item clusters; an empty cell is 0 with count 0."""

    values: list[list[float]]  # [raters][clusters]
    counts: list[list[int]]

    @property
    def mean(self) -> float:
        return sum(map(sum, self.values)) / sum(map(sum, self.counts))


def crossed_mean(cells: Cells, samples: int, seed: int, groups: Mapping[str, str] | None = None) -> CrossedMean:
    """The mean of the cells with a 95 % interval for new items and new raters; with one rater, for new items only.

    `groups` names the group of each item: items of one group are resampled together. Without it each item is its own.

    Raises:
        ValueError: no cells.
    """
    if not cells:
        raise ValueError("no ratings")
    table = _table(cells, groups or {})
    mean, clusters, raters = table.mean, len(table.values[0]), len(table.values)
    sizes = (len({item for item, _ in cells}), raters, len(cells))
    if clusters < 2:
        return CrossedMean(mean, None, None, None, *sizes, note="one item" if sizes[0] == 1 else "one group of items")
    if max(cells.values()) == min(cells.values()):
        return CrossedMean(mean, None, None, None, *sizes, note=NO_VARIATION)
    by_item, by_rater = _item_variance(table), _rater_variance(table)
    variance = _bootstrap_variance(table, samples, seed) + by_rater / raters
    degrees = _satterthwaite(by_item, clusters, by_rater, raters, variance)
    half = t_quantile((1 + LEVEL) / 2, degrees) * math.sqrt(variance)
    note = "" if raters > 1 else "one rater: the interval is about new items, not about other raters"
    return CrossedMean(mean, (mean - half, mean + half), math.sqrt(variance), degrees, *sizes, note=note)


def _table(cells: Cells, groups: Mapping[str, str]) -> _Table:
    clusters = {name: at for at, name in enumerate(sorted({groups.get(item, item) for item, _ in cells}))}
    raters = {name: at for at, name in enumerate(sorted({rater for _, rater in cells}))}
    table = _Table([[0.0] * len(clusters) for _ in raters], [[0] * len(clusters) for _ in raters])
    for (item, rater), value in sorted(cells.items()):
        cluster = clusters[groups.get(item, item)]
        table.values[raters[rater]][cluster] += value
        table.counts[raters[rater]][cluster] += 1
    return table


def _item_variance(table: _Table) -> float:
    """Variance of the mean from the items alone (cluster-robust, with I / (I - 1))."""
    residuals = [
        sum(column[i] for column in table.values) - table.mean * sum(column[i] for column in table.counts)
        for i in range(len(table.values[0]))
    ]
    return cluster_variance(residuals, sum(map(sum, table.counts)))


def _rater_variance(table: _Table) -> float:
    residuals = [
        sum(values) - table.mean * sum(counts) for values, counts in zip(table.values, table.counts, strict=True)
    ]
    return cluster_variance(residuals, sum(map(sum, table.counts)))


def _bootstrap_variance(table: _Table, samples: int, seed: int) -> float:
    """Variance of the mean over resampled items and raters; a draw that holds no rating at all is drawn again."""
    generator = random.Random(seed)
    items, raters = range(len(table.values[0])), range(len(table.values))
    means: list[float] = []
    while len(means) < samples:
        drawn_items = generator.choices(items, k=len(items))
        drawn_raters = generator.choices(raters, k=len(raters))
        total, count = 0.0, 0
        for rater in drawn_raters:
            total += sum(map(table.values[rater].__getitem__, drawn_items))
            count += sum(map(table.counts[rater].__getitem__, drawn_items))
        if count:
            means.append(total / count)
    centre = math.fsum(means) / samples
    return math.fsum((mean - centre) ** 2 for mean in means) / samples


def _satterthwaite(by_item: float, items: int, by_rater: float, raters: int, variance: float) -> float:
    """Degrees of freedom of a sum of two variances that were estimated from `items` and `raters` clusters."""
    spread = by_item**2 / (items - 1) + (by_rater**2 / (raters - 1) if raters > 1 else 0.0)
    return max(1.0, min(variance**2 / spread, float(items * raters - 1))) if spread else float(items - 1)
