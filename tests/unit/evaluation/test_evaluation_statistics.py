import numpy as np
import pytest

from toolkit.evaluation.intervals import (
    cluster,
    effective_size,
    groups_enough,
    mean_interval,
    smallest_detectable,
    t_interval,
)
from toolkit.evaluation.paired import compare, difference_p, effect_size, sign_flip_p
from toolkit.evaluation.proportions import paired_proportion_interval, tango_interval
from toolkit.evaluation.shuffles import other_items, shuffled_lines
from toolkit.statistics.power import critical_t, skew_aware_p

# Student's sleep data (Cushny and Peebles, 1905): extra hours of sleep of ten people with two drugs.
SLEEP_1 = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SLEEP_2 = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
ALONE = [str(person) for person in range(10)]


def test_sleep_data_give_students_t_and_the_exact_sign_flip_p() -> None:
    data = cluster(SLEEP_2 - SLEEP_1, ALONE)
    assert data.mean / data.standard_error == pytest.approx(4.0621, abs=5e-5)
    assert sign_flip_p(data, seed=0) == 4 / 1024
    assert t_interval(data) == pytest.approx((0.7001142, 2.4598858), abs=1e-6)  # as R's t.test prints it


def test_paired_comparison_of_the_sleep_data() -> None:
    anything = (-24.0, 24.0)
    result = compare(SLEEP_2, SLEEP_1, ALONE, samples=10_000, seed=17, reach=anything)
    assert (result.wins, result.ties, result.losses, result.n) == (9, 1, 0, 10)
    assert result.difference == pytest.approx(1.58)
    assert result.effect == pytest.approx(4.0621277 / np.sqrt(10), abs=1e-6)
    assert result.ci95 is not None
    assert result.ci95[0] == pytest.approx(0.7001142, abs=1e-6)  # Student's
    assert result.ci95[1] > 2.4598858  # one person gained far more than the others: wider on that side
    assert result == compare(SLEEP_2, SLEEP_1, ALONE, samples=10_000, seed=17, reach=anything)


def test_groups_widen_the_intervals() -> None:
    values = np.repeat([0.0, 1.0, 0.2, 0.9], 5)
    together = t_interval(cluster(values, [str(index // 5) for index in range(20)]))
    alone = t_interval(cluster(values, [str(index) for index in range(20)]))
    assert together is not None
    assert alone is not None
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_one_group_has_no_interval() -> None:
    data = cluster(np.array([0.1, 0.9]), ["same", "same"])
    assert mean_interval(data, 100, 0, (0.0, 1.0)) is None
    assert t_interval(data) is None


def test_the_shown_interval_covers_the_true_mean_about_as_often_as_claimed() -> None:
    generator = np.random.default_rng(5)
    hits = 0
    for seed in range(300):
        low, high = mean_interval(
            cluster(generator.normal(size=40), [str(index) for index in range(40)]), 500, seed, (-9.0, 9.0)
        ) or (1.0, 0.0)
        hits += low <= 0 <= high
    assert 0.92 <= hits / 300 <= 0.98


def test_degrees_are_satterthwaites_and_fall_with_unequal_groups() -> None:
    equal = cluster(np.arange(40.0), [str(index // 4) for index in range(40)])
    unequal = cluster(np.arange(40.0), ["large"] * 22 + [str(index // 2) for index in range(18)])
    assert equal.degrees == pytest.approx(9)
    assert unequal.degrees < 4
    # CR2 and its degrees as in clubSandwich: residual sums over sqrt(1 - share), by hand for two groups of 1 and 3.
    two = cluster(np.array([0.0, 4.0, 4.0, 4.0]), ["a", "b", "b", "b"])
    assert two.standard_error == pytest.approx(np.sqrt(9 / 0.75 + 9 / 0.25) / 4)


@pytest.mark.parametrize("groups", [5, 20, 48])
def test_no_interval_has_width_zero(groups: int) -> None:
    """All alike is what so many groups show of a share of others that is too small to be seen."""
    names = [str(index) for index in range(groups)]
    unseen = 1 - 0.025 ** (1 / groups)
    assert mean_interval(cluster(np.ones(groups), names), 200, 0, (0.0, 1.0)) == pytest.approx((1 - unseen, 1.0))
    assert mean_interval(cluster(np.zeros(groups), names), 200, 0, (-1.0, 1.0)) == pytest.approx((-unseen, unseen))
    low, high = paired_proportion_interval(np.ones(groups), np.ones(groups), names) or (0.0, 0.0)
    assert low < 0 < high


def test_paired_proportions_are_those_of_tango() -> None:
    """Each end is where the score statistic is the quantile; its share of losses is searched on a grid here."""
    for difference in tango_interval(12, 3, 60, 2.0):
        shares = np.linspace(max(0.0, -difference) + 1e-7, (1 - difference) / 2 - 1e-7, 400_001)
        likelihood = 12 * np.log(shares + difference) + 3 * np.log(shares) + 45 * np.log(1 - 2 * shares - difference)
        share = shares[np.argmax(likelihood)]
        variance = 60 * (2 * share + difference * (1 - difference))
        assert (9 - 60 * difference) ** 2 / variance == pytest.approx(4.0, abs=1e-3)
    assert tango_interval(0, 0, 40, 1.959964) == pytest.approx((-3.8415 / 43.8415, 3.8415 / 43.8415), abs=1e-4)
    a, b = np.zeros(60), np.zeros(60)
    a[:12], b[12:15] = 1.0, 1.0
    alone = paired_proportion_interval(a, b, [str(index) for index in range(60)])
    assert alone == pytest.approx(tango_interval(12, 3, 60, 2.0009954), abs=1e-6)
    together = paired_proportion_interval(a, b, [str(index // 6) for index in range(60)])
    assert alone is not None
    assert together is not None
    assert together[1] - together[0] > alone[1] - alone[0]


def test_few_groups_that_happen_to_be_all_above_zero_are_no_evidence_of_it() -> None:
    """Mostly small gains and rarely a great loss: true mean 0, and eight groups without the loss."""
    generator = np.random.default_rng(4)
    by_flips, called, trials = 0, 0, 400
    for _ in range(trials):
        data = cluster(np.exp(0.5) - np.exp(generator.normal(size=12)), [str(index) for index in range(12)])
        by_flips += data.mean > 0 and sign_flip_p(data, 0) <= 0.01
        called += data.mean > 0 and difference_p(data, 0) <= 0.01
    assert called <= by_flips / 2
    clear = cluster(np.array([0.9, 1.0, 1.1, 1.2, 0.8, 1.05, 0.95, 1.0, 1.1, 0.9]), [str(index) for index in range(10)])
    assert difference_p(clear, 0) == sign_flip_p(clear, 0)


def test_groups_that_would_be_enough_show_the_difference_with_eighty_percent_power() -> None:
    generator = np.random.default_rng(2)
    pilot = cluster(generator.normal(0.3, 1, 30), [str(index) for index in range(30)])
    needed = groups_enough(pilot)
    assert needed is not None
    effect = abs(pilot.mean) / (pilot.standard_error * 30**0.5)
    names = [str(index) for index in range(needed)]
    found = [difference_p(cluster(generator.normal(effect, 1, needed), names), 0) for _ in range(300)]
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.8, abs=0.06)
    assert groups_enough(cluster(np.zeros(9), list("abcdefghi"))) is None


def test_clustered_t_covers_the_true_mean_as_often_as_claimed_at_sixty_groups() -> None:
    generator = np.random.default_rng(3)
    hits = []
    for _ in range(1500):
        names = np.repeat(np.arange(60), generator.integers(1, 7, 60))
        values = generator.normal(size=60)[names] + generator.normal(size=len(names))
        low, high = t_interval(cluster(values, [str(name) for name in names])) or (1.0, 0.0)
        hits.append(low <= 0 <= high)
    assert 0.93 <= np.mean(hits) <= 0.97


def test_smallest_detectable_difference_is_found_with_eighty_percent_power() -> None:
    data = cluster(SLEEP_2 - SLEEP_1, ALONE)
    detectable = smallest_detectable(data)
    assert detectable == pytest.approx((critical_t(9) + 0.883404) * data.standard_error, abs=1e-5)
    assert critical_t(9) > 2.262157  # what a t test of symmetric differences needs
    assert (smallest_detectable(data, tests=5) or 0) > detectable  # Holm's first step
    assert smallest_detectable(cluster(np.array([0.1, 0.9]), ["same", "same"])) is None
    assert smallest_detectable(cluster(np.zeros(9), list("abcdefghi"))) is None  # nothing varies: not 0


def test_effective_size_counts_groups_that_answer_alike_once() -> None:
    alone = cluster(np.array([0.0, 1.0] * 10), [str(index) for index in range(20)])
    assert effective_size(alone) == pytest.approx(20)
    assert effective_size(cluster(np.repeat([0.0, 1.0, 1.0, 0.0], 5), [str(index // 5) for index in range(20)])) < 4
    assert effective_size(cluster(np.ones(20), [str(index // 5) for index in range(20)])) == 4


def test_many_groups_are_flipped_at_random_but_seeded() -> None:
    generator = np.random.default_rng(0)
    nothing = cluster(generator.normal(size=60), [str(index) for index in range(60)])
    clear = cluster(generator.normal(loc=2, size=60), [str(index) for index in range(60)])
    assert sign_flip_p(nothing, 1) == sign_flip_p(nothing, 1) > 0.05
    assert sign_flip_p(clear, 1) == 1 / 10_001


def test_no_difference_at_all_is_no_evidence() -> None:
    names = [str(index) for index in range(30)]
    result = compare(np.ones(30), np.ones(30), names, 200, 0, (-1.0, 1.0))
    assert (result.effect, result.ties) == (None, 30)
    assert result.ci95 is not None
    assert result.ci95[0] < 0 < result.ci95[1]
    assert sign_flip_p(cluster(np.zeros(30), names), 0) == 1.0


def test_effect_of_a_single_item_is_unknown() -> None:
    assert effect_size(np.array([0.3])) is None


@pytest.mark.parametrize("groups", [list("abcdefg"), list("aabbccd"), list("aaaabcd"), list("ab")])
def test_other_items_are_of_other_groups(groups: list[str]) -> None:
    partners = other_items(groups, seed=3)
    assert partners == other_items(groups, seed=3)
    for partner in partners:
        assert sorted(partner) == list(range(len(groups)))
        assert all(index != other for index, other in enumerate(partner))
        if 2 * groups.count("a") <= len(groups):
            assert all(groups[index] != groups[other] for index, other in enumerate(partner))


def test_a_single_item_has_no_other_item() -> None:
    assert other_items(["a"], 0) == []


def test_shuffled_lines_keep_the_lines() -> None:
    versions = shuffled_lines("a\nb\nc", seed=1)
    assert all(sorted(version.splitlines()) == ["a", "b", "c"] for version in versions)
    assert versions == shuffled_lines("a\nb\nc", seed=1)


def test_a_difference_that_nearly_all_items_have_is_shown_however_skewed_it_is() -> None:
    """42 of 49 answers are lists and none of the other system's: the seven others skew the differences by -2."""
    gained = cluster(np.array([1.0] * 42 + [0.0] * 7), [str(group) for group in range(49)])
    assert gained.skewness < -1.9
    assert difference_p(gained, seed=1) < 0.001


@pytest.mark.parametrize("skewness", [-3.0, -1.0, 0.0, 1.0, 3.0])
def test_a_greater_difference_never_has_a_greater_p(skewness: float) -> None:
    for groups in (8, 49):
        found = [skew_aware_p(t, skewness, degrees=groups - 1) for t in np.arange(0.1, 40, 0.1)]
        assert np.diff(found).max() < 1e-12
