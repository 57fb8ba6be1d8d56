"""Means with 95 % intervals where items come in groups (clusters): bootstrap, t and Wilson intervals.

Items of one group are not independent of each other; whole groups are what is resampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolkit.statistics.intervals import LEVEL, Interval, cluster_variance, wilson_interval
from toolkit.statistics.student import t_quantile

Floats = NDArray[np.float64]
_DRAWS_AT_ONCE = 250  # of 1,000 groups: stays within a cache of 2 MB


@dataclass(frozen=True)
class Clustered:
    """Values summed by group: `sums` and `sizes` have one entry a group, in order of first appearance."""

    sums: Floats
    sizes: Floats

    @property
    def mean(self) -> float:
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def standard_error(self) -> float:
        """Cluster-robust standard error of the mean; with groups of one it is s/√n. NaN for a single group."""
        if len(self.sums) < 2:
            return math.nan
        residuals = self.sums - self.sizes * self.mean
        return math.sqrt(cluster_variance(residuals.tolist(), float(self.sizes.sum())))


def cluster(values: Floats, groups: list[str]) -> Clustered:
    """Values [items] summed by their group."""
    order = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    codes = np.array([order[group] for group in groups], dtype=np.int64)
    sums = np.bincount(codes, weights=values, minlength=len(order)).astype(np.float64)
    return Clustered(sums, np.bincount(codes, minlength=len(order)).astype(np.float64))


def bootstrap_interval(data: Clustered, samples: int, seed: int) -> Interval | None:
    """Percentile interval of the mean over resampled groups; None for fewer than two groups."""
    count = len(data.sums)
    if count < 2:
        return None
    if float(np.ptp(data.sums / data.sizes)) == 0.0:  # every resample has this very mean
        return data.mean, data.mean
    generator = np.random.default_rng(seed)
    means = np.concatenate(
        [
            _resampled_means(data, generator, min(_DRAWS_AT_ONCE, samples - start))
            for start in range(0, samples, _DRAWS_AT_ONCE)
        ]
    )
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _resampled_means(data: Clustered, generator: np.random.Generator, samples: int) -> Floats:
    count = len(data.sums)
    # [samples, groups]: which were drawn.
    drawn = generator.integers(0, count, size=(samples, count), dtype=np.uint16 if count < 1 << 16 else np.int64)
    totals = data.sums.take(drawn).sum(axis=1)
    if np.ptp(data.sizes) == 0:
        return np.asarray(totals / (count * data.sizes[0]), dtype=np.float64)
    return np.asarray(totals / data.sizes.take(drawn).sum(axis=1), dtype=np.float64)


def t_interval(data: Clustered) -> Interval | None:
    """Cluster-robust t interval with groups - 1 degrees of freedom; None for fewer than two groups."""
    count = len(data.sums)
    if count < 2:
        return None
    half = t_quantile((1 + LEVEL) / 2, count - 1) * data.standard_error
    return data.mean - half, data.mean + half


def effective_size(data: Clustered) -> float:
    """How many independent yes/no items the grouped ones are worth: n over the design effect (Korn and Graubard, 1998).

    Never more than n. Where all answers agree the effect cannot be seen, and each group counts once.
    """
    n, share = float(data.sizes.sum()), data.mean
    if share in (0.0, 1.0) or len(data.sums) < 2:
        return float(len(data.sums))
    independent_variance = share * (1 - share) / (n - 1)
    return min(n, n * independent_variance / data.standard_error**2) if data.standard_error else n


def wilson_rate(flags: list[bool] | NDArray[np.bool_], groups: list[str]) -> tuple[int, Interval | None]:
    """How many flags are set, and the Wilson interval of their share at the effective sample size."""
    values = np.asarray(flags, dtype=np.float64)
    if not len(values):
        return 0, None
    data = cluster(values, groups)
    size = effective_size(data)
    return int(values.sum()), wilson_interval(data.mean * size, size)


def smallest_detectable(data: Clustered, power: float = 0.8) -> float | None:
    """The true difference from 0 that this design finds with the given power in a two-sided test at 5 %; None for one
    group.
    """
    count = len(data.sums)
    if count < 2:
        return None
    return (t_quantile((1 + LEVEL) / 2, count - 1) + t_quantile(power, count - 1)) * data.standard_error
