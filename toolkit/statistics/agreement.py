"""How well several people agree, beyond chance: Cohen's kappa, Fleiss' kappa, Krippendorff's alpha, Gwet's AC1 and AC2.

All take plain lists and return None where the coefficient is not defined: no unit with two ratings, or no variation at
all (everybody always said the same, which chance would explain as well). `report` that as "no variation", not as 0 or
1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Weights = Literal["identity", "linear", "quadratic"]
Value = Any  # a label; a number for interval and ratio
Unit = Sequence[Value | None]  # the ratings of one item, None where a rater gave none


def cohen_kappa(
    first: Sequence[Value], second: Sequence[Value], weights: Weights = "identity", scale: Sequence[Value] = ()
) -> float | None:
    """Kappa of two raters over the same items, in [-1, 1]. Weights other than identity need values with an order, or
    their `scale`.

    Raises:
        ValueError: the raters rated different numbers of items.

    Source: Cohen, "A coefficient of agreement for nominal scales", 1960; weighted: 1968.
    """
    if len(first) != len(second):
        raise ValueError(
            f"one rater has {len(first)} ratings and the other {len(second)}; both must rate the same items in the same"
            " order"
        )
    values = _scale([first, second], scale, weights)
    weight = _weights(values, weights)
    n = len(first)
    if not n:
        return None
    left, right = Counter(first), Counter(second)
    observed = sum(weight(a, b) for a, b in zip(first, second, strict=True)) / n
    expected = sum(weight(a, b) * left[a] * right[b] for a in values for b in values) / n**2
    return _beyond_chance(observed, expected)


def fleiss_kappa(table: Sequence[Mapping[Hashable, int]]) -> float | None:
    """Kappa of a fixed number of raters per item; `table`: per item how many raters gave each label.

    Raises:
        ValueError: the items have different numbers of ratings.

    Source: Fleiss, "Measuring nominal scale agreement among many raters", 1971.
    """
    raters = {sum(row.values()) for row in table}
    if len(raters) > 1:
        raise ValueError(
            f"items have {min(raters)} to {max(raters)} ratings; Fleiss' kappa needs the same number for all,"
            " Krippendorff's alpha does not"
        )
    if not table or (m := raters.pop()) < 2:
        return None
    observed = sum(count * (count - 1) for row in table for count in row.values()) / (len(table) * m * (m - 1))
    totals: Counter[Hashable] = Counter()
    for row in table:
        totals.update(row)
    expected = sum((count / (len(table) * m)) ** 2 for count in totals.values())
    return _beyond_chance(observed, expected)


def krippendorff_alpha(units: Iterable[Unit], level: Level = "nominal") -> float | None:
    """Alpha of any number of raters with gaps, 1 = perfect, 0 = chance, below 0 = systematic disagreement.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011.
    """
    pairable = [values for unit in units if len(values := [value for value in unit if value is not None]) > 1]
    totals = Counter(value for unit in pairable for value in unit)
    n = totals.total()
    if len(totals) < 2:
        return None
    distance = _distance(totals, level)
    observed = 0.0
    for unit in pairable:
        counts = Counter(unit)
        observed += (
            2 * sum(counts[a] * counts[b] * distance(a, b) for a, b in combinations(counts, 2)) / (len(unit) - 1)
        )
    expected = 2 * sum(totals[a] * totals[b] * distance(a, b) for a, b in combinations(totals, 2)) / (n - 1)
    return 1 - observed / expected if expected else None


def gwet_ac(units: Iterable[Unit], scale: Sequence[Value] = (), weights: Weights = "identity") -> float | None:
    """AC1 (identity weights) or AC2 of any number of raters with gaps; stays high where nearly all ratings are the
    same.

    `scale`: all values that a rating could take, in order; those that occur if left out.

    Source: Gwet, "Computing inter-rater reliability and its variance in the presence of high agreement", 2008.
    """
    rated = [values for unit in units if (values := [value for value in unit if value is not None])]
    paired = [unit for unit in rated if len(unit) > 1]
    values = _scale(rated, scale, weights)
    if not paired or len(values) < 2:
        return None
    weight = _weights(values, weights)
    observed = sum(_pair_agreement(Counter(unit), weight) for unit in paired) / len(paired)
    share = {value: sum(unit.count(value) / len(unit) for unit in rated) / len(rated) for value in values}
    total_weight = sum(weight(a, b) for a in values for b in values)
    expected = total_weight / (len(values) * (len(values) - 1)) * sum(part * (1 - part) for part in share.values())
    return _beyond_chance(observed, expected)


def pairs_within(units: Iterable[Unit], tolerance: float = 0) -> float | None:
    """Share of the pairs of ratings of one item that differ by at most `tolerance`; None without a pair. 0 takes any
    labels.
    """
    pairs = [pair for unit in units for pair in combinations([value for value in unit if value is not None], 2)]
    if not pairs:
        return None
    return sum(bool(a == b if tolerance == 0 else abs(a - b) <= tolerance) for a, b in pairs) / len(pairs)


def _beyond_chance(observed: float, expected: float) -> float | None:
    return None if expected >= 1 else (observed - expected) / (1 - expected)


def _pair_agreement(counts: Counter[Value], weight: Callable[[Value, Value], float]) -> float:
    n = counts.total()
    together = sum(counts[a] * (sum(weight(a, b) * counts[b] for b in counts) - 1) for a in counts)
    return together / (n * (n - 1))


def _scale(ratings: Iterable[Iterable[Value]], scale: Sequence[Value], weights: Weights) -> list[Value]:
    found = dict.fromkeys([*scale, *(value for row in ratings for value in row)])
    return list(found) if scale or weights == "identity" else sorted(found)


def _weights(values: Sequence[Value], weights: Weights) -> Callable[[Value, Value], float]:
    """Agreement of two values, 1 for the same: by their distance on a numeric scale, else by their places in it."""
    if weights == "identity" or len(values) < 2:
        return lambda a, b: float(a == b)
    numeric = all(isinstance(value, int | float) for value in values)
    at = {value: float(value) if numeric else float(place) for place, value in enumerate(values)}
    span = max(at.values()) - min(at.values())
    power = 1 if weights == "linear" else 2
    return lambda a, b: 1 - (abs(at[a] - at[b]) / span) ** power


def _distance(totals: Counter[Value], level: Level) -> Callable[[Value, Value], float]:
    """Krippendorff's squared difference of two values."""
    if level == "nominal":
        return lambda a, b: float(a != b)
    if level == "interval":
        return lambda a, b: float(a - b) ** 2
    if level == "ratio":
        return lambda a, b: (float(a - b) / (a + b)) ** 2 if a + b else 0.0
    before, seen = {}, 0
    for value in sorted(totals):
        before[value] = seen + totals[value] / 2  # midrank
        seen += totals[value]
    return lambda a, b: float(before[a] - before[b]) ** 2
