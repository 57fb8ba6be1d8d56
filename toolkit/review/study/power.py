"""What a planned study can show: the power of each declared claim, by the very interval that the report will use.

The mean squares of a study to come are drawn as scaled chi-squares (3,000 times, the same each time); for each draw
the chance that its interval lies above the bound is known exactly, so the power has no noise of the difference itself.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist, fmean

from toolkit.results.study import ClaimPower
from toolkit.review.study.crossed import FEWEST_RATERS, Design, MeanSquares
from toolkit.review.study.plan import HIGHEST, LOWEST, Assumptions, Comparison
from toolkit.statistics.intervals import LEVEL
from toolkit.statistics.student import t_quantile

POWER = 0.8
_DRAWS = 3000
_PHI = NormalDist().cdf


class Power:
    """The power of a design under assumptions, each test at 5 % divided by `tests`.

    With fewer than three raters no claim can be met, and with one group there is no interval: `possible` is False.
    """

    def __init__(self, design: Design, assumed: Assumptions, tests: int = 1) -> None:
        by_group, by_rater = design.shares
        self.possible = design.groups > 1 and design.raters >= FEWEST_RATERS
        rest = assumed.residual_sd**2 / design.ratings
        group, rater = assumed.item_sd**2 * by_group, assumed.rater_sd**2 * by_rater
        self._error = math.sqrt(group + rater + rest)
        self._reach: list[float] = []
        if not self.possible:
            return
        generator = random.Random(0)
        degrees = (design.groups - 1, design.raters - 1, max(1, design.ratings - design.groups - design.raters + 1))
        level = 1 - (1 - LEVEL) / 2 / tests
        for _ in range(_DRAWS):
            by_group, by_rater, left = (
                mean * generator.gammavariate(free / 2, 2 / free)
                for mean, free in zip((group + rest, rater + rest, rest), degrees, strict=True)
            )
            squares = MeanSquares(by_group, by_rater, left, design.groups, design.raters, design.ratings)
            self._reach.append(_quantile(level, round(100 * math.log(squares.degrees))) * math.sqrt(squares.variance))

    def at(self, distance: float) -> float:
        """The probability that the interval lies above the bound, if the true difference is `distance` above it."""
        return fmean(_PHI((distance - reach) / self._error) for reach in self._reach)

    def smallest(self, power: float = POWER) -> float | None:
        """The distance from the bound that is found with this power; None where nothing is, whatever the distance."""
        if not self.possible:
            return None
        low, high = 0.0, float(HIGHEST - LOWEST)
        if self.at(high) < power:
            return None
        while high - low > 1e-4:
            middle = (low + high) / 2
            low, high = (middle, high) if self.at(middle) < power else (low, middle)
        return high


@lru_cache(maxsize=4096)
def _quantile(level: float, hundredths: int) -> float:
    """Of t at degrees of freedom that are known to 1 %: their logarithm in hundredths."""
    return t_quantile(level, math.exp(hundredths / 100))


def powers(claims: Sequence[Comparison], design: Design, assumed: Assumptions) -> list[ClaimPower]:
    """Each declared claim with its power: superiority at the assumed difference, non-inferiority of equal systems."""
    if not claims:
        return []
    power = Power(design, assumed, len(claims))
    smallest = power.smallest()
    found = []
    for claim in claims:
        difference = assumed.difference if claim.kind == "superiority" else 0.0
        found.append(
            ClaimPower(
                a=claim.a,
                b=claim.b,
                claim=claim.kind,
                margin=claim.margin if claim.kind == "non_inferiority" else None,
                difference=difference,
                power=round(power.at(difference - claim.bound), 3) if power.possible else None,
                smallest=None if smallest is None else round(smallest, 3),
            )
        )
    return found


def power_sentence(claim: ClaimPower, raters: int) -> str:
    """What can come of a claim, for whoever makes the study; it says where the claim cannot be met."""
    words = f"{claim.a} {'better than' if claim.claim == 'superiority' else 'not worse than'} {claim.b}"
    if claim.margin is not None:
        words += f" by more than {claim.margin:g}"
    if claim.power is None:
        few = f"{raters} raters, a claim takes {FEWEST_RATERS}" if raters < FEWEST_RATERS else "one group of questions"
        return f"{words}: cannot be met ({few})."
    if claim.margin is None:
        sentence = f"{words}: power {claim.power:.0%} if the true difference is {claim.difference:g} points"
        return f"{sentence}; 80 % from {claim.smallest:g} on." if claim.smallest else f"{sentence}; never 80 %."
    if claim.power >= POWER:
        return f"{words}: power {claim.power:.0%} if they are equal."
    need = f"a margin of {claim.smallest:g} points would have 80 %" if claim.smallest else "no margin would have 80 %"
    return f"{words}: cannot be relied on, power {claim.power:.0%} even if they are equal; {need}, or more raters."
