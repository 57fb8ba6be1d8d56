"""Means with 95 % intervals where items come in groups (clusters): a t interval that skewness may widen, and Wilson's.

Items of one group are not independent of each other. The variance is CR2 with Satterthwaite's degrees of freedom (Bell
and McCaffrey, 2002; Pustejovsky and Tipton, 2018), which holds with few groups of very different sizes. Where a
bootstrap-t of the groups reaches further on a side, as it does for skewed values, that end is taken (at most CAP times
as far). How often the interval holds the truth is simulated by `make bench-eval`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolkit.statistics.intervals import LEVEL, Interval, wilson_interval
from toolkit.statistics.power import POWER, critical_t, groups_needed
from toolkit.statistics.student import t_quantile

Floats = NDArray[np.float64]
CAP = 2.0  # times the t interval's half width: a bootstrap-t of few groups can reach to infinity
_DRAWS_AT_ONCE = 250  # of 1,000 groups: stays within a cache of 2 MB
_FAR = 1e6  # stands for an infinite t, where a resample is one group over and over
_ALIKE = 1e-9  # of the size of the values: what rounding leaves of no difference


@dataclass(frozen=True)
class Clustered:
    """Values summed by group: `sums` and `sizes` have one entry a group, in order of first appearance."""

    sums: Floats
    sizes: Floats

    @property
    def mean(self) -> float:
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def residuals(self) -> Floats:
        """By group: its sum minus what the mean lets expect."""
        return np.asarray(self.sums - self.sizes * self.mean, dtype=np.float64)

    @property
    def groups(self) -> int:
        return len(self.sums)

    @property
    def standard_error(self) -> float:
        """CR2 standard error of the mean; with groups of one it is s/√n. NaN for a single group."""
        if self.groups < 2:
            return math.nan
        total = float(self.sizes.sum())
        return math.sqrt(float((self.residuals**2 / (1 - self.sizes / total)).sum())) / total

    @property
    def degrees(self) -> float:
        """Satterthwaite's degrees of freedom of that standard error; groups - 1 where all are of one size."""
        total = float(self.sizes.sum())
        share = self.sizes / total
        weight = share**2 / (1 - share)
        off_diagonal = float(weight.sum() ** 2 - (weight**2).sum())
        return 1 / (float((share**2).sum()) + off_diagonal)

    @property
    def is_constant(self) -> bool:
        """Whether all groups have the same mean."""
        means = self.sums / self.sizes
        return float(np.ptp(means)) <= _ALIKE * max(1.0, abs(self.mean))

    @property
    def skewness(self) -> float:
        """Skewness of the groups' residuals; 0 where they do not vary."""
        spread = float((self.residuals**2).mean())
        return 0.0 if self.is_constant else float((self.residuals**3).mean()) / spread**1.5


def cluster(values: Floats, groups: list[str]) -> Clustered:
    """Values [items] summed by their group."""
    order = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    codes = np.array([order[group] for group in groups], dtype=np.int64)
    sums = np.bincount(codes, weights=values, minlength=len(order)).astype(np.float64)
    return Clustered(sums, np.bincount(codes, minlength=len(order)).astype(np.float64))


def mean_interval(data: Clustered, samples: int, seed: int, reach: Interval) -> Interval | None:
    """The interval that is shown first: t with CR2, each end moved out to that of a bootstrap-t over `samples`
    resamples; None for fewer than two groups. `reach` are the least and the largest value that an item can have.
    """
    if data.groups < 2:
        return None
    if data.is_constant:
        return _unseen(data, reach)
    half = t_quantile((1 + LEVEL) / 2, data.degrees) * data.standard_error
    below, above = _bootstrap_t_arms(data, samples, seed)
    low, high = (data.mean - min(max(half, below), CAP * half), data.mean + min(max(half, above), CAP * half))
    return max(low, reach[0]), min(high, reach[1])


def t_interval(data: Clustered) -> Interval | None:
    """The plain t interval with CR2 and Satterthwaite's degrees of freedom; None for fewer than two groups."""
    if data.groups < 2:
        return None
    half = t_quantile((1 + LEVEL) / 2, data.degrees) * data.standard_error
    return data.mean - half, data.mean + half


def effective_size(data: Clustered) -> float:
    """How many independent yes/no items the grouped ones are worth: n over the design effect (Korn and Graubard, 1998).

    Never more than n. Where all answers agree the effect cannot be seen, and each group counts once.
    """
    n, share = float(data.sizes.sum()), data.mean
    if share in (0.0, 1.0) or data.groups < 2:
        return float(data.groups)
    independent_variance = share * (1 - share) / (n - 1)
    return min(n, n * independent_variance / data.standard_error**2) if data.standard_error else n


def wilson_rate(flags: list[bool] | NDArray[np.bool_], groups: list[str]) -> tuple[int, Interval | None]:
    """How many flags are set, and the Wilson interval of their share at the effective sample size."""
    values = np.asarray(flags, dtype=np.float64)
    if not len(values):
        return 0, None
    data = cluster(values, groups)
    return int(values.sum()), share_interval(data)


def share_interval(data: Clustered) -> Interval | None:
    """Wilson's interval of a share at the effective number of items, with a t quantile for the few groups."""
    size = effective_size(data)
    quantile = t_quantile((1 + LEVEL) / 2, data.degrees) if data.groups > 1 else None
    return wilson_interval(data.mean * size, size, quantile)


def smallest_detectable(data: Clustered, tests: int = 1) -> float | None:
    """The true difference from 0 that this design finds with 80 % power in a two-sided test at 5 % over `tests`,
    the first step of Holm's correction; None for one group, and where nothing varies.
    """
    if data.groups < 2 or data.is_constant:
        return None
    return (critical_t(data.degrees, tests) + t_quantile(POWER, data.degrees)) * data.standard_error


def groups_enough(data: Clustered, tests: int = 1) -> int | None:
    """How many groups like these would show their mean difference with 80 % power; None where it is none."""
    if data.groups < 2 or abs(data.mean) < _ALIKE:
        return None
    if data.is_constant:
        return max(data.groups, groups_needed(math.inf, tests))
    return groups_needed(data.mean / (data.standard_error * math.sqrt(data.groups)), tests)


def _unseen(data: Clustered, reach: Interval) -> Interval:
    """Where all groups agree: what a share of other values, too small to be seen in so many groups, could change."""
    share = 1 - ((1 - LEVEL) / 2) ** (1 / data.groups)
    return data.mean - share * (data.mean - reach[0]), data.mean + share * (reach[1] - data.mean)


def _bootstrap_t_arms(data: Clustered, samples: int, seed: int) -> tuple[float, float]:
    """How far the bootstrap-t interval reaches below and above the mean."""
    generator = np.random.default_rng(seed)
    parts = [
        _resampled_t(data, generator, min(_DRAWS_AT_ONCE, samples - start))
        for start in range(0, samples, _DRAWS_AT_ONCE)
    ]
    low, high = np.quantile(np.concatenate(parts), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    error = math.sqrt(float((data.residuals**2).sum())) / float(data.sizes.sum())
    return float(high) * error, -float(low) * error


def _resampled_t(data: Clustered, generator: np.random.Generator, samples: int) -> Floats:
    """The t of the mean in resamples of whole groups [samples]."""
    count = data.groups
    drawn = generator.integers(0, count, size=(samples, count), dtype=np.uint16 if count < 1 << 16 else np.int64)
    residuals = data.residuals.take(drawn)
    total = residuals.sum(axis=1)
    squares = np.einsum("ij,ij->i", residuals, residuals)
    if np.ptp(data.sizes) == 0:
        spread = squares - total**2 / count
    else:
        sizes = data.sizes.take(drawn)
        mean = total / sizes.sum(axis=1)
        spread = (
            squares - 2 * mean * np.einsum("ij,ij->i", residuals, sizes) + mean**2 * np.einsum("ij,ij->i", sizes, sizes)
        )
    flat = spread <= _ALIKE * squares
    t = total / np.sqrt(np.where(flat, 1.0, spread))
    return np.asarray(np.where(flat, np.sign(total) * _FAR, t), dtype=np.float64)
