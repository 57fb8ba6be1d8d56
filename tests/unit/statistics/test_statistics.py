"""Student, Wilson, Holm and rank correlations against tables, worked examples, scipy and simulated truth."""

from __future__ import annotations

import random

import pytest
from scipy.stats import kendalltau, spearmanr

from toolkit.statistics.correlation import kendall_tau_b, rank_correlation, spearman
from toolkit.statistics.intervals import holm, percentile_interval, wilson_interval
from toolkit.statistics.student import t_cdf, t_quantile


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(1, 12.70620474), (2, 4.30265273), (5, 2.5705818), (9, 2.26215716), (44, 2.01536757), (1000, 1.9623391)],
)
def test_t_quantiles_are_those_of_the_tables(degrees: float, expected: float) -> None:
    assert t_quantile(0.975, degrees) == pytest.approx(expected, abs=1e-7)
    assert t_cdf(t_quantile(0.975, degrees), degrees) == pytest.approx(0.975, abs=1e-12)
    assert t_cdf(0.0, degrees) == 0.5


def test_wilson_interval_of_the_usual_worked_cases() -> None:
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe, 1998, table I
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert wilson_interval(0, 0) is None


def test_holm_of_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_an_interval_of_too_few_resamples_is_none() -> None:
    assert percentile_interval([float(n) for n in range(100)], 100) == (2.0, 97.0)
    assert percentile_interval([float(n) for n in range(94)], 100) is None


def test_rank_correlations_of_known_data() -> None:
    # By hand: ranks 1 2.5 2.5 4 and 1 3 2 4; five concordant pairs, one pair tied in x.
    x, y = [1.0, 2.0, 2.0, 3.0], [1.0, 3.0, 2.0, 4.0]
    assert kendall_tau_b(x, y) == pytest.approx(5 / (5 * 6) ** 0.5)
    assert spearman(x, y) == pytest.approx(0.9486833)
    assert spearman([1.0, 1.0, 1.0], [2.0, 3.0, 4.0]) is None
    assert kendall_tau_b([1.0, 1.0], [2.0, 3.0]) is None


def test_rank_correlations_are_scipys_and_weights_are_repetitions() -> None:
    generator = random.Random(4)
    x, y = ([float(generator.randrange(5)) for _ in range(40)] for _ in range(2))
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert kendall_tau_b(x, y) == pytest.approx(kendalltau(x, y).statistic)
    times = [generator.randrange(3) for _ in x]
    repeated = [(a, b) for a, b, n in zip(x, y, times, strict=True) for _ in range(n)]
    assert spearman(x, y, times) == spearman([a for a, _ in repeated], [b for _, b in repeated])


def test_the_interval_of_a_correlation_resamples_whole_groups() -> None:
    generator = random.Random(2)
    x = [generator.gauss(0, 1) for _ in range(40)]
    y = [value + generator.gauss(0, 1) for value in x]
    alone = rank_correlation(x, y, [str(place) for place in range(40)], 1)
    double = rank_correlation(x + x, y + y, [str(place % 40) for place in range(80)], 1)
    as_if_independent = rank_correlation(x + x, y + y, [str(place) for place in range(80)], 1)
    assert alone.ci95 is not None
    assert as_if_independent.ci95 is not None
    assert double.ci95 == pytest.approx(alone.ci95, abs=0.01)
    assert as_if_independent.ci95[1] - as_if_independent.ci95[0] < 0.8 * (alone.ci95[1] - alone.ci95[0])


def test_the_interval_of_a_correlation_holds_the_truth_about_as_often_as_claimed() -> None:
    generator = random.Random(8)
    covered = 0
    for trial in range(150):
        x = [generator.gauss(0, 1) for _ in range(50)]
        found = rank_correlation(x, [generator.gauss(0, 1) for _ in x], [str(n) for n in range(50)], trial, 200)
        assert found.ci95 is not None
        covered += found.ci95[0] <= 0 <= found.ci95[1]
    assert 0.88 <= covered / 150 <= 0.99


def test_too_few_answers_or_groups_have_no_interval() -> None:
    few = rank_correlation([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], list("abcd"), 1)
    assert (few.spearman, few.ci95, few.kendall, few.n) == (None, None, None, 4)
    grouped = rank_correlation([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 6.0, 5.0], list("aabbcd"), 1)
    assert grouped.spearman == pytest.approx(0.942857, abs=1e-6)
    assert grouped.ci95 is None
