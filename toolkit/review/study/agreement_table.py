"""Raters' agreement per criterion: four coefficients, each with an interval from leaving out one item at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from toolkit.results.study import Agreement, Coefficient
from toolkit.review.study.crossed import NO_VARIATION
from toolkit.review.study.judgements import Scored
from toolkit.review.study.plan import HIGHEST, LOWEST
from toolkit.statistics.agreement import gwet_ac, krippendorff_alpha, pairs_within
from toolkit.statistics.intervals import LEVEL
from toolkit.statistics.student import t_quantile

_SCALE = tuple(range(LOWEST, HIGHEST + 1))
Units = list[list[int]]


def agreement(rows: Sequence[Scored], criteria: Sequence[str], groups: Mapping[str, str]) -> dict[str, Agreement]:
    """The agreement on each criterion."""
    return {criterion: _criterion(rows, criterion, groups) for criterion in criteria}


def _criterion(rows: Sequence[Scored], criterion: str, groups: Mapping[str, str]) -> Agreement:
    answers: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        answers.setdefault((row.item, row.source), []).append(row.scores[criterion])
    by_group: dict[str, Units] = {}
    for (item, _), values in sorted(answers.items()):
        if len(values) > 1:
            by_group.setdefault(groups.get(item, item), []).append(values)
    blocks = list(by_group.values())
    return Agreement(
        n=sum(map(len, blocks)),
        krippendorff_alpha=_with_interval(blocks, lambda units: krippendorff_alpha(units, "ordinal")),
        gwet_ac2=_with_interval(blocks, lambda units: gwet_ac(units, _SCALE, "quadratic")),
        exact=_with_interval(blocks, lambda units: pairs_within(units, 0)),
        within_one=_with_interval(blocks, lambda units: pairs_within(units, 1)),
    )


def _with_interval(blocks: list[Units], coefficient: Callable[[Units], float | None]) -> Coefficient:
    """Jackknife over groups of items (Efron and Stein, 1981)."""
    if not blocks:
        return Coefficient(value=None, ci95=None, note="no answer was scored by two raters")
    value = coefficient([unit for block in blocks for unit in block])
    if value is None:
        return Coefficient(value=None, ci95=None, note=NO_VARIATION)
    count = len(blocks)
    without = [
        coefficient([unit for at, block in enumerate(blocks) if at != left_out for unit in block])
        for left_out in range(count)
    ]
    known = [other for other in without if other is not None]
    if count < 3 or len(known) < count:
        return Coefficient(value=value, ci95=None, note="too few items for an interval")
    mean = math.fsum(known) / count
    error = math.sqrt((count - 1) / count * math.fsum((other - mean) ** 2 for other in known))
    half = t_quantile((1 + LEVEL) / 2, count - 1) * error
    return Coefficient(value=value, ci95=(max(-1.0, value - half), min(1.0, value + half)), note="")
