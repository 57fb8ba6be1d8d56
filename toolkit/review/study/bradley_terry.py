"""Bradley-Terry strengths from paired comparisons, with a term for what was shown first and one for ties.

Davidson, "On extending the Bradley-Terry model to accommodate ties", 1970; Davidson and Beaver, "On extending the
Bradley-Terry model to incorporate within-pair order effects", 1977. Fitted by Newton's method on the log scale.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["first", "second", "tie"]
Comparison = tuple[str, str, Outcome]  # shown first, shown second, which was better
Counts = dict[Comparison, float]

_LARGEST = 15.0  # a log strength beyond this is one on its way to infinity
_ROUNDS = 60


@dataclass(frozen=True)
class Strengths:
    """Log strengths (the reference's is 0), log odds of being preferred for being shown first, and log of Davidson's nu
    (None without ties).
    """

    strengths: dict[str, float]
    first: float
    tie: float | None


def count_comparisons(comparisons: Iterable[Comparison]) -> Counts:
    counts: Counts = defaultdict(float)
    for comparison in comparisons:
        counts[comparison] += 1
    return dict(counts)


def fit_bradley_terry(
    counts: Counts, reference: str, with_order: bool = True, start: Strengths | None = None
) -> Strengths | None:
    """Maximum-likelihood strengths; None where they do not exist (one side never lost, or parts were never compared).

    `start` only saves time: a fit to similar counts.

    Raises:
        ValueError: the reference was never compared.
    """
    names = sorted({name for first, second, _ in counts for name in (first, second)})
    if reference not in names:
        raise ValueError(f"{reference} was never compared")
    if not _has_maximum(counts, names):
        return None
    free = [name for name in names if name != reference]
    with_tie = any(outcome == "tie" for _, _, outcome in counts)
    size = len(free) + with_order + with_tie
    first = (
        [start.strengths.get(name, 0.0) for name in free] + [start.first] * with_order + [start.tie or 0.0] * with_tie
        if start
        else [0.0] * size
    )
    fitted = _newton(_designs(counts, free, with_order, with_tie, size), first)
    if fitted is None:
        return None
    return Strengths(
        {reference: 0.0, **dict(zip(free, fitted, strict=False))},
        fitted[len(free)] if with_order else 0.0,
        fitted[-1] if with_tie else None,
    )


def _has_maximum(counts: Counts, names: list[str]) -> bool:
    """Ford's condition: nobody can be set apart from whom all the others lost to (a tie counts both ways)."""
    beaten: dict[str, set[str]] = {name: set() for name in names}
    for first, second, outcome in counts:
        if outcome != "second":
            beaten[first].add(second)
        if outcome != "first":
            beaten[second].add(first)
    lost_to = {name: {other for other in names if name in beaten[other]} for name in names}
    return all(len(_reached(edges, names[0])) == len(names) for edges in (beaten, lost_to))


def _reached(edges: dict[str, set[str]], start: str) -> set[str]:
    seen, waiting = {start}, [start]
    while waiting:
        for name in edges[waiting.pop()] - seen:
            seen.add(name)
            waiting.append(name)
    return seen


# A pair's features per outcome [outcomes][parameters], and how often each occurred.
Design = tuple[list[list[float]], list[float]]


def _designs(counts: Counts, free: list[str], with_order: bool, with_tie: bool, size: int) -> list[Design]:
    at = {name: place for place, name in enumerate(free)}
    designs: list[Design] = []
    outcomes: list[Outcome] = ["first", "second", *(["tie"] if with_tie else [])]  # type: ignore[list-item]
    for first, second in sorted({(first, second) for first, second, _ in counts}):
        features = []
        for outcome in outcomes:
            row = [0.0] * size
            for name, share in ((first, {"first": 1.0, "tie": 0.5}), (second, {"second": 1.0, "tie": 0.5})):
                if name in at:
                    row[at[name]] = share.get(outcome, 0.0)
            if with_order and outcome == "first":
                row[len(free)] = 1.0
            if outcome == "tie":
                row[-1] = 1.0
            features.append(row)
        designs.append((features, [counts.get((first, second, outcome), 0.0) for outcome in outcomes]))
    return designs


def _newton(designs: list[Design], values: list[float]) -> list[float] | None:
    """The maximum of a concave log likelihood; None if it runs away (every first one won, say)."""
    size = len(values)
    for _ in range(_ROUNDS):
        gradient, information = _derivatives(designs, values, size)
        step = solve(information, gradient)
        if step is None:
            return None
        longest = max(map(abs, step))
        values = [
            value + change * min(1.0, 2.0 / longest if longest else 1.0)
            for value, change in zip(values, step, strict=True)
        ]
        if max(map(abs, values)) > _LARGEST:
            return None
        if longest < 1e-9:
            return values
    return None


def _derivatives(designs: list[Design], values: list[float], size: int) -> tuple[list[float], list[list[float]]]:
    gradient = [0.0] * size
    information = [[0.0] * size for _ in range(size)]
    for features, observed in designs:
        weights = [math.exp(sum(a * b for a, b in zip(row, values, strict=True))) for row in features]
        n, shares = sum(observed), [weight / sum(weights) for weight in weights]
        expected = [sum(share * row[k] for share, row in zip(shares, features, strict=True)) for k in range(size)]
        for count, share, row in zip(observed, shares, features, strict=True):
            centred = [value - mean for value, mean in zip(row, expected, strict=True)]
            for k in (k for k in range(size) if centred[k]):
                gradient[k] += count * centred[k]
                for m in range(size):
                    information[k][m] += n * share * centred[k] * centred[m]
    return gradient, information


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float] | None:
    """The solution of a linear system by elimination with row exchange; None for a singular one."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size, largest = len(rows), max(abs(value) for row in matrix for value in row)
    for k in range(size):
        pivot = max(range(k, size), key=lambda row: abs(rows[row][k]))
        if abs(rows[pivot][k]) <= 1e-12 * largest:
            return None
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for row in range(k + 1, size):
            factor = rows[row][k] / rows[k][k]
            rows[row] = [a - factor * b for a, b in zip(rows[row], rows[k], strict=True)]
    solution = [0.0] * size
    for k in reversed(range(size)):
        solution[k] = (rows[k][size] - sum(rows[k][m] * solution[m] for m in range(k + 1, size))) / rows[k][k]
    return solution
