"""Intervals and tests that need no random numbers of their own: Wilson, percentiles, cluster variance, Holm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

LEVEL = 0.95
ENOUGH = 0.95  # share of the resamples that must have a value: an interval of the others would hide the rest
Interval = tuple[float, float]
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


def wilson_interval(successes: float, n: float, quantile: float | None = None) -> Interval | None:
    """Wilson score interval of a proportion (Wilson, 1927), with a normal quantile or the given one; None for n = 0."""
    if n <= 0:
        return None
    z, share = quantile or _Z, successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def percentile_interval(resampled: Sequence[float], samples: int) -> Interval | None:
    """Percentile interval of `samples` bootstrap resamples; None where too many of them have no value."""
    if len(resampled) < ENOUGH * samples:
        return None
    ordered = sorted(resampled)
    low, high = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    return ordered[int(low * len(ordered))], ordered[min(len(ordered) - 1, int(high * len(ordered)))]


def cluster_variance(residuals: Sequence[float], total: float) -> float:
    """Cluster-robust variance of a mean over `total` values: `residuals` are, for each cluster, the sum of its values
    minus what the mean lets expect. 0 for a single cluster.
    """
    count = len(residuals)
    if count < 2:
        return 0.0
    return sum(residual**2 for residual in residuals) / total**2 * count / (count - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values, in the order given (Holm, 1979)."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = largest
    return adjusted
