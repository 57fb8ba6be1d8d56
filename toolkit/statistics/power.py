"""What a number of groups of items can show, by the test that evaluate decides with. Standard library only.

The test allows for skewness that so few groups cannot rule out: a t of means whose values have skewness g exceeds its
quantile z as rarely as claimed only from z + |g| (1 + 2 z²) / (6 √n) on (Hall, 1992, *The Bootstrap and Edgeworth
Expansion*, section 2.3). Groups that look symmetric may have a g of two of its standard errors: so much is allowed.
"""

from __future__ import annotations

import math

from toolkit.statistics.intervals import LEVEL
from toolkit.statistics.student import t_cdf, t_quantile

UNSEEN = 2.0  # standard errors of the skewness that a test allows for
POWER = 0.8
_FEWEST = 3.0  # the skewness of fewer values has no standard error
Share = float


def skewness_error(n: float) -> float:
    """Standard error of the skewness of n normal values."""
    n = max(n, _FEWEST)
    return math.sqrt(6 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3)))


def allowance(skewness: float, n: float) -> float:
    """What multiplies (1 + 2 z²) in the quantile for values of that skewness."""
    return abs(skewness) / (6 * math.sqrt(n))


def skew_aware_p(t: float, skewness: float, degrees: float, n: float | None = None, share: Share = 1.0) -> Share:
    """Two-sided p of a mean that is t standard errors from 0: the larger of Johnson's (1978) t, which corrects for the
    skewness that is seen, with Hall's cubic term where it would turn back, and a t that allows for what is not.

    `skewness` is that of the groups, `degrees` those of the standard error. Where only a `share` of the variance comes
    from the groups, `n` is how many they are (as degrees + 1), and the sum is less skewed than they.
    """
    n = degrees + 1 if n is None else n
    size, seen = abs(t), math.copysign(skewness, skewness * t) * share**1.5 if t else 0.0
    corrected = size + seen * (1 + 2 * size**2) / (6 * math.sqrt(n))
    if -seen * size > 1.5 * math.sqrt(n):  # from here on Johnson's turns back: a great difference would have a great p
        corrected += seen**2 * size**3 / (27 * n)
    known = max(n, _FEWEST)
    unbiased = seen * math.sqrt(known * (known - 1)) / max(known - 2, 1.0)
    worst = min(unbiased - UNSEEN * skewness_error(n) * share**1.5, 0.0)
    shrunk = _without_allowance(size, allowance(worst, n))
    return max(_two_sided(corrected, degrees), _two_sided(shrunk, degrees))


def critical_t(degrees: float, tests: int = 1, n: float | None = None, share: Share = 1.0) -> float:
    """The t from which on symmetric groups pass at 5 % over `tests`, the first step of Holm's correction; `n` and
    `share` as for `skew_aware_p`.
    """
    n = degrees + 1 if n is None else n
    z = t_quantile(1 - (1 - LEVEL) / 2 / tests, degrees)
    return z + allowance(UNSEEN * skewness_error(n) * share**1.5, n) * (1 + 2 * z * z)


def detectable(deviation: float, groups: int, tests: int = 1, power: Share = POWER) -> float:
    """The true mean difference that groups of this standard deviation show with the given power."""
    return (critical_t(groups - 1, tests) + t_quantile(power, groups - 1)) * deviation / math.sqrt(groups)


def groups_needed(effect: float, tests: int = 1, power: Share = POWER) -> int:
    """How many groups show a mean difference of `effect` standard deviations of the groups with the given power."""
    least = max(3, math.ceil(1 + math.log2(2 * tests / (1 - LEVEL))))  # fewer signs cannot reach p = .05
    low, high = least, least
    while detectable(1.0, high, tests, power) > abs(effect):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if detectable(1.0, middle, tests, power) > abs(effect) else (low, middle)
    return high


def _without_allowance(t: float, factor: float) -> float:
    """The z ≥ 0 with z + factor (1 + 2 z²) = t; 0 where there is none."""
    if factor < 1e-9:
        return t
    return max(0.0, (math.sqrt(max(1 - 8 * factor * (factor - t), 0.0)) - 1) / (4 * factor))


def _two_sided(t: float, degrees: float) -> Share:
    return 1.0 if t <= 0 else min(1.0, 2 * (1 - t_cdf(t, degrees)))
