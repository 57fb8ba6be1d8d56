"""Two systems with yes or no on the same items: the difference of their shares with an interval for paired proportions.

Tango, 1998, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design":
all differences that the score test does not refute, at the effective number of items where they come in groups. It has
a width also where no item differs. Of Bonett and Price's, Newcombe's and Wald's intervals none came nearer to 95 % in
all designs of `make bench-eval`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from toolkit.evaluation.intervals import Clustered, Floats, cluster
from toolkit.statistics.intervals import LEVEL, Interval
from toolkit.statistics.student import t_quantile

_HALVINGS = 60


def are_yes_or_no(*values: Floats) -> bool:
    """Whether all values are 0 or 1."""
    return all(bool(np.isin(some, (0.0, 1.0)).all()) for some in values)


def paired_proportion_interval(a: Floats, b: Floats, groups: list[str]) -> Interval | None:
    """95 % interval of the share of a minus that of b, values 0 or 1 [items]; None for a single group."""
    differences = a - b
    data = cluster(differences, groups)
    if data.groups < 2:
        return None
    size = _effective_items(differences, data)
    scale = size / len(differences)
    won, lost = (scale * float(found.sum()) for found in (differences > 0.5, differences < -0.5))
    return tango_interval(won, lost, size, t_quantile((1 + LEVEL) / 2, data.degrees))


def tango_interval(won: float, lost: float, n: float, quantile: float) -> Interval:
    """The differences whose score statistic is within the quantile, of `won` and `lost` discordant items among n."""
    found = (won - lost) / n

    def is_refuted(difference: float) -> bool:
        b = (2 * n - won + lost) * difference - won - lost
        c = -lost * difference * (1 - difference)
        share = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        variance = n * (2 * share + difference * (1 - difference))
        return (won - lost - n * difference) ** 2 > quantile**2 * max(variance, 0.0)

    return _edge(found, -1.0, is_refuted), _edge(found, 1.0, is_refuted)


def _edge(inside: float, outside: float, is_refuted: Callable[[float], bool]) -> float:
    if not is_refuted(outside):
        return outside
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if is_refuted(middle) else (middle, outside)
    return inside


def _effective_items(differences: Floats, data: Clustered) -> float:
    """Items over the design effect of their groups; each group counts once where no item differs from another."""
    independent = float(differences.var(ddof=1)) / len(differences)
    if not independent or data.is_constant:
        return float(data.groups)
    return min(float(len(differences)), len(differences) * independent / data.standard_error**2)
