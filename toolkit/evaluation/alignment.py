"""Step F1 and order τ: which steps of an answer are which steps of the reference, and whether they come in that order.

Steps are paired by an assignment of largest total similarity (Hungarian method; Kuhn, 1955; Jonker and Volgenant,
1987); a pair counts from the threshold up. Order is Kendall's τ over the paired steps: reversed steps score −1, where
ROUGE-Lsum scores 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolkit.evaluation.intervals import Floats

MOST_STEPS = 200  # of an answer; what exceeds it is left out and counted
THRESHOLD_QUANTILE = 0.95
_SMALLEST = 1e-9  # a preference for the written order among equals: too small to outweigh any similarity


@dataclass(frozen=True)
class Alignment:
    """`pairs` of step positions (output, reference) from 0, in the output's order; how many steps each side has."""

    pairs: list[tuple[int, int]]
    output_steps: int
    reference_steps: int

    @property
    def f1(self) -> float:
        """Twice the pairs over all steps of both sides; NaN where the reference has no steps."""
        if not self.reference_steps:
            return math.nan
        return 2 * len(self.pairs) / (self.output_steps + self.reference_steps)

    @property
    def tau(self) -> float:
        """Kendall's τ of the paired steps; NaN for fewer than two pairs."""
        return kendall_tau([reference for _, reference in self.pairs])

    @property
    def inversions(self) -> list[tuple[int, int]]:
        """Pairs of the output's step positions, from 1, that the reference has in the other order."""
        return [
            (first + 1, later + 1)
            for index, (first, first_reference) in enumerate(self.pairs)
            for later, later_reference in self.pairs[index + 1 :]
            if later_reference < first_reference
        ]


def align(similarity: Floats, threshold: float) -> Alignment:
    """Pair the steps of an answer with those of the reference, given their similarities [output steps, reference
    steps].
    """
    rows, columns = similarity.shape
    if not rows or not columns:
        return Alignment([], rows, columns)
    offset = np.abs(np.arange(rows)[:, None] / rows - np.arange(columns)[None, :] / columns)
    chosen = assign(offset * _SMALLEST - similarity)
    return Alignment([(row, column) for row, column in chosen if similarity[row, column] >= threshold], rows, columns)


def assign(cost: Floats) -> list[tuple[int, int]]:
    """The assignment of smallest total cost [rows, columns], each row and column at most once, sorted by row.

    Shortest augmenting paths with potentials: O(short side² · long side).
    """
    if cost.shape[0] > cost.shape[1]:
        return sorted((row, column) for column, row in assign(cost.T))
    rows, columns = cost.shape
    row_potential, column_potential = np.zeros(rows + 1), np.zeros(columns + 1)
    owner = np.zeros(columns + 1, dtype=np.int64)  # the row (from 1) that holds a column (from 1); 0 = free
    for row in range(1, rows + 1):
        owner[0] = row
        column = 0
        shortest, came_from = np.full(columns + 1, np.inf), np.zeros(columns + 1, dtype=np.int64)
        done = np.zeros(columns + 1, dtype=bool)
        while owner[column]:
            done[column] = True
            reduced = cost[owner[column] - 1] - row_potential[owner[column]] - column_potential[1:]
            nearer = ~done[1:] & (reduced < shortest[1:])
            shortest[1:][nearer], came_from[1:][nearer] = reduced[nearer], column
            column = int(np.argmin(np.where(done, np.inf, np.where(np.arange(columns + 1) == 0, np.inf, shortest))))
            delta = shortest[column]
            row_potential[owner[done]] += delta
            column_potential[done] -= delta
            shortest[~done] -= delta
        while column:
            owner[column] = owner[came_from[column]]
            column = int(came_from[column])
    return sorted((int(owner[column]) - 1, column - 1) for column in range(1, columns + 1) if owner[column])


def kendall_tau(order: list[int]) -> float:
    """Kendall's τ of a sequence of different numbers with its sorted order; NaN for fewer than two."""
    count = len(order)
    if count < 2:
        return math.nan
    ranks = np.array(order)
    concordant = int(np.triu(ranks[:, None] < ranks[None, :], 1).sum())
    pairs = count * (count - 1) // 2
    return (2 * concordant - pairs) / pairs


def floor_threshold(best_similarities: list[float]) -> float | None:
    """The similarity that only 5 % of human steps reach with a step of an unrelated human answer; None without any."""
    return float(np.quantile(best_similarities, THRESHOLD_QUANTILE)) if best_similarities else None
