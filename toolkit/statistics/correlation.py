"""Rank correlation of two measures over answers that come in clusters, with one interval for evaluations and studies.

The interval is the percentile interval of a bootstrap over whole clusters: all answers to a question, and all questions
of a group. They are what was sampled independently, so they are what is drawn again; drawing single answers, or single
questions of a group, would count related answers as independent and give intervals that are too short. A percentile
interval stays within -1 and 1 and needs no normal distribution, which ranks with many ties do not have. It is left out
below five clusters, where resamples repeat the same few, and where more than 5 % of the resamples have no variation:
the interval of the rest would be one about luckier samples.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from toolkit.statistics.intervals import Interval, percentile_interval

FEWEST = 5  # answers for a correlation, clusters for its interval
SAMPLES = 1_000


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's ρ with its 95 % interval, and Kendall's τ-b; None where they are not defined."""

    spearman: float | None
    ci95: Interval | None
    kendall: float | None
    n: int


def rank_correlation(
    x: Sequence[float], y: Sequence[float], clusters: Sequence[str], seed: int, samples: int = SAMPLES
) -> RankCorrelation:
    """The correlation of x and y [answers]; answers of one cluster are resampled together."""
    if len(x) < FEWEST:
        return RankCorrelation(None, None, None, len(x))
    rho = spearman(x, y)
    interval = None if rho is None else _interval(x, y, clusters, seed, samples)
    return RankCorrelation(rho, interval, kendall_tau_b(x, y), len(x))


def spearman(x: Sequence[float], y: Sequence[float], times: Sequence[int] | None = None) -> float | None:
    """Spearman's ρ with mid-ranks for ties, each pair counted so many `times`; None where x or y does not vary."""
    return _correlation(_sorted_ties(x), _sorted_ties(y), times or [1] * len(x))


def kendall_tau_b(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Kendall's τ-b; None where x or y does not vary."""
    concordant = sum(sign(a - b) * sign(c - d) for (a, c), (b, d) in combinations(zip(x, y, strict=True), 2))
    pairs = math.comb(len(x), 2)
    untied = [pairs - sum(math.comb(count, 2) for count in Counter(values).values()) for values in (x, y)]
    spread = math.sqrt(untied[0] * untied[1])
    return concordant / spread if spread else None


def sign(value: float) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


def _interval(
    x: Sequence[float], y: Sequence[float], clusters: Sequence[str], seed: int, samples: int
) -> Interval | None:
    names = list(dict.fromkeys(clusters))
    if len(names) < FEWEST:
        return None
    generator = random.Random(seed)
    ties_x, ties_y = _sorted_ties(x), _sorted_ties(y)
    found = []
    for _ in range(samples):
        drawn = Counter(generator.choices(names, k=len(names)))
        rho = _correlation(ties_x, ties_y, [drawn[name] for name in clusters])
        if rho is not None:
            found.append(rho)
    return percentile_interval(found, samples)


def _sorted_ties(values: Sequence[float]) -> list[list[int]]:
    """The places of equal values together, in the order of the values."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    return [places[value] for value in sorted(places)]


def _correlation(ties_x: list[list[int]], ties_y: list[list[int]], times: Sequence[int]) -> float | None:
    a, b = _centred_ranks(ties_x, times), _centred_ranks(ties_y, times)
    spread = math.sqrt(
        sum(n * value * value for n, value in zip(times, a, strict=True))
        * sum(n * value * value for n, value in zip(times, b, strict=True))
    )
    return sum(n * p * q for n, p, q in zip(times, a, b, strict=True)) / spread if spread else None


def _centred_ranks(ties: list[list[int]], times: Sequence[int]) -> list[float]:
    """Mid-ranks minus their mean."""
    ranks = [0.0] * len(times)
    mean, before = (sum(times) + 1) / 2, 0
    for places in ties:
        own = sum([times[place] for place in places])
        for place in places:
            ranks[place] = before + (own + 1) / 2 - mean
        before += own
    return ranks
