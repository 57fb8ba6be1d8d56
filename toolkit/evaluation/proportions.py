"""Two systems with yes or no on the same items: the difference of their shares with an interval for paired proportions.

Bonett and Price, 2012, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
data", at the effective number of items where they come in groups. It has a width also where no item differs.
"""

from __future__ import annotations

import math

import numpy as np

from toolkit.evaluation.intervals import Clustered, Floats, cluster
from toolkit.statistics.intervals import LEVEL, Interval
from toolkit.statistics.student import t_quantile

_BOTH = 2  # kinds of discordant items; one pseudo-item is added to each


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
    won, lost = ((scale * float(found.sum()) + 1) / (size + _BOTH) for found in (differences > 0.5, differences < -0.5))
    half = t_quantile((1 + LEVEL) / 2, data.degrees) * math.sqrt(
        max(won + lost - (won - lost) ** 2, 0.0) / (size + _BOTH)
    )
    return max(-1.0, won - lost - half), min(1.0, won - lost + half)


def _effective_items(differences: Floats, data: Clustered) -> float:
    """Items over the design effect of their groups; each group counts once where no item differs from another."""
    independent = float(differences.var(ddof=1)) / len(differences)
    if not independent or data.is_constant:
        return float(data.groups)
    return min(float(len(differences)), len(differences) * independent / data.standard_error**2)
