"""Two systems on the same items: difference with interval, sign-flip test, effect size, wins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolkit.evaluation.intervals import Clustered, Floats, cluster, mean_interval
from toolkit.evaluation.proportions import are_yes_or_no, paired_proportion_interval
from toolkit.statistics.intervals import Interval
from toolkit.statistics.power import skew_aware_p

EXACT_UP_TO = 20  # groups: 2^20 sign patterns still fit in memory
RANDOM_FLIPS = 10_000
_FLIPS_AT_ONCE = 1_000
_TIE = 1e-9


@dataclass(frozen=True)
class PairedDifference:
    """a - b on the same items.

    `effect` is d_z = mean / standard deviation of the item differences, None where they do not vary.
    """

    difference: float
    ci95: Interval | None
    effect: float | None
    wins: int
    ties: int
    losses: int
    n: int


def compare(a: Floats, b: Floats, groups: list[str], samples: int, seed: int, reach: Interval) -> PairedDifference:
    """Compare scores a with b [items], groups kept together; `reach` are the least and largest possible difference.

    Yes and no (1 and 0) on both sides get the interval for paired proportions.
    """
    differences = a - b
    data = cluster(differences, groups)
    return PairedDifference(
        difference=data.mean,
        ci95=paired_proportion_interval(a, b, groups)
        if are_yes_or_no(a, b)
        else mean_interval(data, samples, seed, reach),
        effect=effect_size(differences),
        wins=int((differences > _TIE).sum()),
        ties=int((np.abs(differences) <= _TIE).sum()),
        losses=int((differences < -_TIE).sum()),
        n=len(differences),
    )


def difference_p(data: Clustered, seed: int) -> float:
    """Two-sided p that the mean difference is zero, as results.json has it: the larger of the sign-flip test, which
    takes the groups' differences for symmetric, and a t test that allows for skewness seen and unseen.
    """
    flips = sign_flip_p(data, seed)
    if data.groups < 2 or data.is_constant:
        return flips
    return max(flips, skew_aware_p(data.mean / data.standard_error, data.skewness, data.degrees))


def sign_flip_p(data: Clustered, seed: int) -> float:
    """Two-sided p that the mean difference is zero: how often flipping the groups' signs gives a sum as far from zero.
    It takes the groups' differences for symmetric about zero where there is no difference.

    Exact over all sign patterns for up to 20 groups; else 10,000 random ones, with the observed one counted in.
    """
    sums = data.sums
    reached = abs(float(sums.sum())) - 1e-12 * float(np.abs(sums).sum())
    if len(sums) <= EXACT_UP_TO:
        totals = np.zeros(1)
        for value in sums:
            totals = np.concatenate([totals + value, totals - value])
        return float((np.abs(totals) >= reached).mean())
    generator = np.random.default_rng(seed)
    hits = 0
    for _ in range(0, RANDOM_FLIPS, _FLIPS_AT_ONCE):
        signs = generator.integers(0, 2, size=(_FLIPS_AT_ONCE, len(sums)), dtype=np.int8) * 2 - 1
        hits += int((np.abs(signs @ sums) >= reached).sum())
    return (1 + hits) / (1 + RANDOM_FLIPS)


def effect_size(differences: Floats) -> float | None:
    """Cohen's d_z of paired differences; None for fewer than two or where all are alike."""
    if len(differences) < 2:
        return None
    deviation = float(differences.std(ddof=1))
    return float(differences.mean()) / deviation if deviation > _TIE and math.isfinite(deviation) else None
