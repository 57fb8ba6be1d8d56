"""How many groups of test rows a claim about a difference needs, with one training or several."""

from __future__ import annotations

import math
from dataclasses import dataclass

from toolkit.statistics.intervals import LEVEL
from toolkit.statistics.power import POWER, critical_t
from toolkit.statistics.student import t_quantile

MOST_GROUPS = 100_000


@dataclass(frozen=True)
class Design:
    """What the differences between two systems vary by.

    `effect` is the true difference that is to be shown, `group_sd` the standard deviation of a group's difference,
    `training_sd` that of the difference from one training's seed to another (None: not known), `tests` the number of
    tests over which Holm's correction is.
    """

    effect: float
    group_sd: float
    training_sd: float | None
    tests: int
    power: float = POWER


def groups_for(design: Design, trainings: int) -> int | None:
    """About the fewest groups (to 2 %) that show the effect with so many trainings; None where MOST_GROUPS do not.

    One training alone measures nothing about seeds: the claim is then about that one model.
    """
    groups = max(3, math.ceil(1 + math.log2(2 * design.tests / (1 - LEVEL))))  # fewer signs cannot reach p = .05
    while _detectable(design, groups, trainings) > abs(design.effect):
        # Not halved: with more groups the trainings weigh more, and few of them have few degrees of freedom.
        groups = max(groups + 1, math.floor(groups * 1.02))
        if groups > MOST_GROUPS:
            return None
    return groups


def _detectable(design: Design, groups: int, trainings: int) -> float:
    """The true difference that is shown with the design's power."""
    items = design.group_sd**2 / groups
    seeds = design.training_sd**2 / trainings if design.training_sd and trainings > 1 else 0.0
    degrees = float(groups - 1)
    if seeds:
        degrees = (items + seeds) ** 2 / (items**2 / (groups - 1) + seeds**2 / (trainings - 1))
    needed = critical_t(degrees, design.tests, groups, items / (items + seeds)) + t_quantile(design.power, degrees)
    return needed * math.sqrt(items + seeds)
