"""Means of ratings that share items and raters, with intervals that count both; the plan reckons with the same rule.

Treating ratings as independent claims far too much: items differ, raters differ, and three raters say little about a
fourth. The components of variance (groups of items, items, raters, what is left) are estimated by the method of moments
for the design as it is, balanced or not (Searle, Casella and McCulloch, "Variance Components", 1992, chapter 5). The
variance of the mean follows from them, its degrees of freedom from Satterthwaite's rule.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from toolkit.review.study.bradley_terry import solve
from toolkit.statistics.intervals import LEVEL, Interval, cluster_variance
from toolkit.statistics.student import t_quantile

NO_VARIATION = "no variation"
FEWEST_RATERS = 3  # two people's difference has one degree of freedom: it says nothing about a third
Cells = Mapping[tuple[str, str], float]  # (item, rater) -> value
_LEAST_SHARE = 0.2  # of the items' part: a raters' part that comes out negative takes no more than this away


@dataclass(frozen=True)
class Sources:
    """What has which share of the variance of a mean, together 1: items with their groups, raters, single ratings."""

    items: float
    raters: float
    ratings: float


@dataclass(frozen=True)
class CrossedMean:
    """A mean over items and raters. `ci95` is None where none can be had, and `note` says why; `sources` is None where
    the design does not tell them apart.
    """

    mean: float
    ci95: Interval | None
    standard_error: float | None
    degrees: float | None
    items: int
    raters: int
    ratings: int
    note: str = ""
    sources: Sources | None = None


@dataclass(frozen=True)
class MeanSquares:
    """What the means of groups, of raters and single ratings vary by, each as a part of the variance of the whole mean.

    `by_group` and `by_rater` hold what is left (`rest`) as well, as the mean squares of an analysis of variance do.
    """

    by_group: float
    by_rater: float
    rest: float
    groups: int
    raters: int
    ratings: int

    @property
    def variance(self) -> float:
        return max(self.by_group + self.by_rater - self.rest, _LEAST_SHARE * self.by_group)

    @property
    def degrees(self) -> float:
        """Satterthwaite's, at least 1, with the raters' share itself in place of its square: with so few raters a share
        that came out small by chance would be trusted too much.
        """
        share = self.by_group / self.variance if self.variance else 0.0
        raters = max(0.0, self.by_rater / self.variance) if self.variance else 0.0
        spread = share**2 / (self.groups - 1) + raters / (self.raters - 1)
        return max(1.0, min(1 / spread, self.ratings - 1.0)) if spread else self.ratings - 1.0

    @property
    def sources(self) -> Sources | None:
        """A part that comes out negative, as an estimate near 0 may, counts as 0; None where nothing is left."""
        parts = [max(0.0, part) for part in (self.by_group - self.rest, self.by_rater - self.rest, self.rest)]
        whole = math.fsum(parts)
        return Sources(*(part / whole for part in parts)) if whole else None


class Design:
    """Who rated what; gives the mean of any values of these ratings. `groups` names the group of each item."""

    def __init__(self, cells: Sequence[tuple[str, str]], groups: Mapping[str, str] | None = None) -> None:
        grouped = _numbered((groups or {}).get(item, item) for item, _ in cells)
        item, rater = _numbered(item for item, _ in cells), _numbered(rater for _, rater in cells)
        self.items, self.groups, self.raters = len(set(item)), len(set(grouped)), len(set(rater))
        self.ratings = len(cells)
        self._group, self._rater = grouped, rater
        self._levels = _distinct([rater, grouped, item, list(range(len(cells)))])  # the last is what is left
        self._sizes = [Counter(level) for level in self._levels]
        self._squares = [sum(n * n for n in sizes.values()) / self.ratings**2 for sizes in self._sizes]

    @property
    def shares(self) -> tuple[float, float]:
        """What one group's and one rater's variance is multiplied by in that of the mean: 1/groups, 1/raters where all
        have as many ratings.
        """
        return _share(self._group), _share(self._rater)

    def mean(self, values: Sequence[float]) -> CrossedMean:
        """The mean with its 95 % interval for new groups of items and new raters; with fewer than three raters, for new
        groups as these raters judge them.
        """
        mean = math.fsum(values) / self.ratings
        sizes = (self.items, self.raters, self.ratings)
        if self.groups < 2:
            note = "one item" if self.items == 1 else "one group of items"
            return CrossedMean(mean, None, None, None, *sizes, note=note)
        if max(values) == min(values):
            return CrossedMean(mean, None, None, None, *sizes, note=NO_VARIATION)
        squares = self._mean_squares(values, mean) if self.raters >= FEWEST_RATERS else None
        variance = squares.variance if squares else self._items_alone(values)
        degrees = squares.degrees if squares else self.groups - 1.0
        half = t_quantile((1 + LEVEL) / 2, degrees) * math.sqrt(variance)
        return CrossedMean(
            mean,
            (mean - half, mean + half),
            math.sqrt(variance),
            degrees,
            *sizes,
            note=about_raters(self.raters),
            sources=squares.sources if squares else None,
        )

    def _mean_squares(self, values: Sequence[float], mean: float) -> MeanSquares | None:
        """None where the design cannot tell its parts from each other, such as raters with one item each."""
        found = [_sum_of_squares(level, values, mean) for level in self._levels]
        parts = solve(self._expected, found)
        if parts is None or self._rater not in self._levels:
            return None
        whole = [part * square for part, square in zip(parts, self._squares, strict=True)]
        by_rater = whole[self._levels.index(self._rater)]
        rest = whole[-1]
        by_group = math.fsum(whole) - by_rater
        return MeanSquares(by_group, by_rater + rest, rest, self.groups, self.raters, self.ratings)

    @cached_property
    def _expected(self) -> list[list[float]]:
        """Per level, how often each component of variance enters its sum of squares."""
        return [[self._crossing(a, b) for b in range(len(self._levels))] for a in range(len(self._levels))]

    def _crossing(self, a: int, b: int) -> float:
        rows, columns = self._sizes[a], self._sizes[b]
        both = Counter(zip(self._levels[a], self._levels[b], strict=True))
        mixed = math.fsum(n * rows[x] * columns[y] for (x, y), n in both.items())
        return (
            math.fsum(n * n for n in both.values())
            - 2 * mixed / self.ratings
            + self._squares[a] * self._squares[b] * self.ratings**2
        )

    def _items_alone(self, values: Sequence[float]) -> float:
        """Variance of the mean over groups of items as these raters judge them: each rater's own level is taken out."""
        counts, sums = Counter(self._rater), [0.0] * self.raters
        for rater, value in zip(self._rater, values, strict=True):
            sums[rater] += value
        residuals = [0.0] * self.groups
        for group, rater, value in zip(self._group, self._rater, values, strict=True):
            residuals[group] += value - sums[rater] / counts[rater]
        return cluster_variance(residuals, self.ratings)


def crossed_mean(cells: Cells, groups: Mapping[str, str] | None = None) -> CrossedMean:
    """The mean of the cells with its interval (`Design.mean`). Without `groups` each item is its own.

    Raises:
        ValueError: no cells.
    """
    if not cells:
        raise ValueError("no ratings")
    keys = sorted(cells)
    return Design(keys, groups).mean([cells[key] for key in keys])


def about_raters(raters: int) -> str:
    """What an interval of so few raters is about; "" for enough of them."""
    if raters >= FEWEST_RATERS:
        return ""
    who = "one rater" if raters == 1 else "two raters"
    return f"{who}: the interval is about new items, not about other raters"


def _numbered(names: Iterable[str]) -> list[int]:
    numbers: dict[str, int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in names]


def _distinct(levels: list[list[int]]) -> list[list[int]]:
    """The levels that part the ratings differently; one that has all ratings in one part is none."""
    kept: list[list[int]] = []
    for level in levels:
        parts = len(set(level))
        same = [len(set(zip(level, other, strict=True))) == parts == len(set(other)) for other in kept]
        if parts > 1 and not any(same):
            kept.append(level)
    return kept


def _share(level: Sequence[int]) -> float:
    return sum(n * n for n in Counter(level).values()) / len(level) ** 2


def _sum_of_squares(level: Sequence[int], values: Sequence[float], mean: float) -> float:
    sums: dict[int, float] = {}
    for part, value in zip(level, values, strict=True):
        sums[part] = sums.get(part, 0.0) + value - mean
    return math.fsum(total * total for total in sums.values())
