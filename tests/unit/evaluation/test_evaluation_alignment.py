"""Which steps are which, and in what order; the assignment against scipy's."""

import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import kendalltau

from toolkit.evaluation.alignment import Alignment, align, assign, floor_threshold, kendall_tau

SAME = np.eye(4)


def test_the_assignment_costs_what_scipys_costs() -> None:
    generator = np.random.default_rng(0)
    for trial in range(200):
        cost = generator.normal(size=tuple(generator.integers(1, 12, size=2)))
        cost = np.round(cost) if trial % 3 == 0 else cost
        ours = assign(cost)
        rows, columns = linear_sum_assignment(cost)
        assert len({row for row, _ in ours}) == len({column for _, column in ours}) == min(cost.shape)
        assert sum(cost[pair] for pair in ours) == pytest.approx(cost[rows, columns].sum(), abs=1e-9)


@pytest.mark.parametrize(
    ("order", "f1", "tau", "inversions"),
    [
        ([0, 1, 2, 3], 1.0, 1.0, []),
        ([3, 2, 1, 0], 1.0, -1.0, [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]),
        ([1, 0, 2, 3], 1.0, 2 / 3, [(1, 2)]),
        ([0, 3], 2 / 3, 1.0, []),
        ([2], 0.4, math.nan, []),
        ([], 0.0, math.nan, []),
    ],
)
def test_f1_order_and_inversions(order: list[int], f1: float, tau: float, inversions: list[tuple[int, int]]) -> None:
    found = align(SAME[order] if order else np.zeros((0, 4)), 0.5)
    assert (found.f1, found.tau) == pytest.approx((f1, tau), nan_ok=True)
    assert found.inversions == inversions


def test_steps_below_the_threshold_are_not_the_same_step() -> None:
    similarity = np.array([[0.9, 0.1], [0.1, 0.4]])
    assert align(similarity, 0.5).pairs == [(0, 0)]
    assert align(similarity, 0.3).pairs == [(0, 0), (1, 1)]


def test_equal_steps_are_paired_in_the_order_in_which_they_are_written() -> None:
    assert align(np.ones((5, 5)), 0.5).tau == 1.0


def test_a_reference_without_steps_has_no_score() -> None:
    assert math.isnan(Alignment([], 3, 0).f1)


def test_tau_is_scipys() -> None:
    generator = np.random.default_rng(1)
    for size in range(2, 12):
        order = generator.permutation(size).tolist()
        assert kendall_tau(order) == pytest.approx(kendalltau(range(size), order).statistic)


def test_threshold_is_what_five_in_a_hundred_unrelated_steps_reach() -> None:
    assert floor_threshold([index / 100 for index in range(101)]) == pytest.approx(0.95)
    assert floor_threshold([]) is None
