"""Human statistics against published numbers and against simulated truth."""

from __future__ import annotations

import random
from itertools import pairwise, product
from math import exp, log, sqrt
from statistics import fmean

import pytest

from toolkit.review.study.blinding import Guess, blinding_index
from toolkit.review.study.bradley_terry import Counts, fit_bradley_terry
from toolkit.review.study.crossed import Design, Sources, crossed_mean
from toolkit.review.study.judgements import Judgements, Scored
from toolkit.review.study.plan import Assumptions, Comparison, Criterion, StudyPlan
from toolkit.review.study.power import Power, power_sentence, powers
from toolkit.review.study.tables import StudyTables

# Agresti, Categorical Data Analysis: American League 1987, wins of the home team and of the visitors.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
GAMES = """- 4-3 4-2 4-3 6-1 4-2 6-0
3-3 - 4-2 4-3 6-0 6-1 4-3
2-5 4-3 - 2-4 4-3 4-2 6-0
3-3 5-1 2-5 - 4-3 4-2 6-1
5-1 2-5 3-3 4-2 - 5-2 6-0
2-5 3-3 3-4 4-3 4-2 - 2-4
2-5 1-5 1-6 2-4 1-6 3-4 -"""


def baseball() -> Counts:
    counts: Counts = {}
    for home, row in zip(TEAMS, GAMES.splitlines(), strict=True):
        for away, games in zip(TEAMS, row.split(), strict=True):
            if games != "-":
                won, lost = map(float, games.split("-"))
                counts[home, away, "first"], counts[home, away, "second"] = won, lost
    return counts


def test_bradley_terry_gives_agrestis_strengths() -> None:
    fitted = fit_bradley_terry(baseball(), "Baltimore", with_order=False)
    assert fitted is not None
    assert [
        round(fitted.strengths[team], 3)
        for team in ("Cleveland", "Boston", "New York", "Toronto", "Detroit", "Milwaukee")
    ] == [
        0.684,
        1.108,
        1.248,
        1.294,
        1.436,
        1.581,
    ]


def test_bradley_terry_with_an_order_term_gives_agrestis_home_advantage() -> None:
    fitted = fit_bradley_terry(baseball(), "Baltimore")
    assert fitted is not None
    assert round(fitted.first, 3) == 0.302


def test_bradley_terry_finds_the_ties_and_the_order_effect_that_were_planted() -> None:
    strengths, first, nu = {"a": 0.0, "b": 0.7, "c": 1.5}, 0.4, 0.8
    counts: Counts = {}
    for x, y in product(strengths, strengths):
        if x != y:
            left, right = exp(strengths[x] + first), exp(strengths[y])
            tie = nu * sqrt(exp(strengths[x] + strengths[y]))
            total = left + right + tie
            counts[x, y, "first"], counts[x, y, "second"], counts[x, y, "tie"] = (
                1000 * part / total for part in (left, right, tie)
            )
    fitted = fit_bradley_terry(counts, "a")
    assert fitted is not None
    assert fitted.tie is not None
    assert [fitted.strengths["b"], fitted.strengths["c"], fitted.first, fitted.tie] == pytest.approx(
        [0.7, 1.5, 0.4, log(0.8)], abs=1e-6
    )


def test_strengths_that_do_not_exist_are_none() -> None:
    assert fit_bradley_terry({("a", "b", "first"): 3.0, ("b", "a", "second"): 2.0}, "a") is None
    # The answer that stands first always wins.
    assert fit_bradley_terry({("a", "b", "first"): 3.0, ("b", "a", "first"): 2.0}, "a") is None


@pytest.mark.parametrize("rater_sd", [0.0, 0.5])
def test_the_crossed_interval_holds_the_truth_where_a_naive_one_does_not(rater_sd: float) -> None:
    generator = random.Random(5)
    covered, naive, trials = 0, 0, 120
    for _ in range(trials):
        items, raters = [generator.gauss(0, 0.5) for _ in range(60)], [generator.gauss(0, rater_sd) for _ in range(3)]
        cells = {
            (f"i{i}", f"r{r}"): items[i] + raters[r] + generator.gauss(0, 0.7) for i in range(60) for r in range(3)
        }
        found = crossed_mean(cells)
        assert found.ci95 is not None
        covered += found.ci95[0] <= 0 <= found.ci95[1]
        sd = (sum((value - found.mean) ** 2 for value in cells.values()) / 179) ** 0.5
        naive += abs(found.mean) <= 1.96 * sd / 180**0.5
    assert covered / trials >= 0.90
    assert naive < covered


def test_the_variance_is_split_into_items_raters_and_single_ratings() -> None:
    generator = random.Random(7)

    def shares(item_sd: float, rater_sd: float, rest_sd: float) -> Sources:
        items = [generator.gauss(0, item_sd) for _ in range(40)]
        raters = [generator.gauss(0, rater_sd) for _ in range(4)]
        found = crossed_mean(
            {
                (f"i{i}", f"r{r}"): items[i] + raters[r] + generator.gauss(0, rest_sd)
                for i in range(40)
                for r in range(4)
            }
        )
        assert found.sources is not None
        assert found.sources.items + found.sources.raters + found.sources.ratings == pytest.approx(1)
        return found.sources

    assert shares(1.0, 0.0, 0.1).items > 0.9
    assert shares(0.1, 1.0, 0.1).raters > 0.9
    assert shares(0.0, 0.0, 1.0).ratings > 0.4
    assert crossed_mean({(f"i{i}", r): i % 3 for i in range(9) for r in ("x", "y")}).sources is None


def test_items_of_one_group_count_once() -> None:
    generator = random.Random(2)
    cells = {(f"i{i}", r): generator.gauss(0, 1) for i in range(30) for r in ("x", "y")}
    double = {**cells, **{(item + "again", rater): value for (item, rater), value in cells.items()}}
    groups = {item: item.removesuffix("again") for item, _ in double}
    one, two = crossed_mean(cells), crossed_mean(double, groups)
    assert two.standard_error == pytest.approx(one.standard_error, rel=0.05)


def test_nothing_to_estimate_is_said_and_does_not_crash() -> None:
    assert crossed_mean({("i", "r"): 3.0, ("i", "s"): 4.0}).note == "one item"
    same = crossed_mean({(item, rater): 5.0 for item in "abc" for rater in "xy"})
    assert (same.mean, same.ci95, same.note) == (5.0, None, "no variation")
    assert "one rater" in crossed_mean({("a", "r"): 3.0, ("b", "r"): 4.0}).note
    assert "one group" in crossed_mean({("a", "r"): 3.0, ("b", "r"): 4.0}, {"a": "g", "b": "g"}).note
    with pytest.raises(ValueError, match="no ratings"):
        crossed_mean({})


def test_blinding_is_zero_by_chance_and_one_when_everything_is_seen_through() -> None:
    names = ("human", "tuned", "baseline")
    seen = [Guess(f"i{i}", rater, "human", "human") for i in range(5) for rater in ("x", "y")]
    assert blinding_index(seen, "human", 3).value == 1.0
    even = [Guess(f"i{i}", rater, "human", names[i % 3]) for i in range(6) for rater in ("x", "y")]
    found = blinding_index(even, "human", 3)
    assert (found.n, found.right, found.wrong, found.dont_know) == (12, 4, 8, 0)
    assert found.value == pytest.approx(0.0)
    assert blinding_index([], "human", 3).value is None


def test_bangs_index_of_two_arms_is_right_minus_wrong_over_all() -> None:
    guesses = [Guess(f"i{i}", "x", "a", "a" if i < 6 else "b" if i < 8 else None) for i in range(10)]
    assert blinding_index(guesses, "a", 2).value == pytest.approx((6 - 2) / 10)


def design(items: int, raters: int, group: int = 1) -> Design:
    cells = [(f"q{i}", f"r{r}") for i in range(items) for r in range(raters)]
    return Design(cells, {f"q{i}": f"g{i // group}" for i in range(items)})


def test_more_items_and_raters_find_smaller_differences() -> None:
    effects = [Power(design(items, raters), Assumptions()).smallest() for items, raters in ((30, 3), (60, 4), (240, 6))]
    assert all(a is not None and b is not None and a > b for a, b in pairwise(effects))
    assert Power(design(1, 3), Assumptions()).smallest() is None
    assert Power(design(60, 2), Assumptions()).smallest() is None


def test_the_promised_power_is_reached_and_the_interval_holds_the_truth() -> None:
    assumed, plan = Assumptions(rater_sd=0.2), design(24, 4)
    effect = Power(plan, assumed).smallest()
    assert effect is not None
    generator, trials = random.Random(3), 800
    found = met = held = 0
    for _ in range(trials):
        items, raters = [[generator.gauss(0, sd) for _ in range(n)] for sd, n in ((0.6, 24), (0.2, 4))]
        drawn = plan.mean([effect + i + r + generator.gauss(0, 0.8) for i in items for r in raters])
        assert drawn.ci95 is not None
        met += drawn.ci95[0] > 0
        held += drawn.ci95[0] <= effect <= drawn.ci95[1]
        found += 1
    assert 0.75 <= met / found <= 0.85
    assert 0.93 <= held / found <= 0.98


def test_the_components_of_an_unbalanced_design_are_those_that_were_planted() -> None:
    generator = random.Random(8)
    cells = [(f"q{i}", f"r{r}") for i in range(90) for r in range(5) if i < 20 or (i + r) % 5 < 2]
    plan = Design(cells)
    errors = []
    for _ in range(60):
        items, raters = [generator.gauss(0, 0.6) for _ in range(90)], [generator.gauss(0, 0.4) for _ in range(5)]
        found = plan.mean([items[int(i[1:])] + raters[int(r[1:])] + generator.gauss(0, 0.8) for i, r in cells])
        errors.append((found.standard_error or 0.0) ** 2)
    group, rater = plan.shares
    assert fmean(errors) == pytest.approx(0.36 * group + 0.16 * rater + 0.64 / len(cells), rel=0.2)


def test_a_margin_that_cannot_be_met_is_said() -> None:
    claims = [Comparison(a="a", b="b", kind="non_inferiority", margin=margin) for margin in (0.1, 3.0)]
    hard, easy = powers(claims, design(60, 3), Assumptions())
    assert "cannot be relied on" in power_sentence(hard, 3)
    assert f"a margin of {hard.smallest:g} points would have 80 %" in power_sentence(hard, 3)
    assert "power 100% if they are equal" in power_sentence(easy, 3)
    (two,) = powers(claims[:1], design(60, 2), Assumptions())
    assert "cannot be met (2 raters, a claim takes 3)" in power_sentence(two, 2)
    with pytest.raises(ValueError, match="margin of 0 holds for no interval"):
        Comparison(a="a", b="b", kind="non_inferiority")


def test_two_raters_carry_no_claim() -> None:
    rows = [
        Scored(f"i{i}", rater, system, "item", 0, {"accuracy": level}, False, "")
        for i in range(12)
        for rater in ("x", "y")
        for system, level in (("a", 5), ("b", 2 + i % 2))
    ]
    plan = StudyPlan(comparisons=[Comparison(a="a", b="b", kind="superiority")])
    (claim,) = StudyTables(plan, Judgements(rows), {}, ["a", "b"]).claims()
    assert (claim.met, claim.met_alone) == (None, None)
    assert claim.note == "two raters: the interval is about new items, not about other raters; a claim takes 3 raters"


def test_claims_are_corrected_by_holm_over_those_that_were_tested() -> None:
    rows = [
        Scored(f"i{i}", rater, system, "item", 0, {"accuracy": level}, False, "")
        for i in range(12)
        for rater in ("x", "y", "z")
        for system, level in (("a", 4), ("b", 3 + (i % 4 > 0)), ("c", 4 + (i % 2)))
    ]
    plan = StudyPlan(
        criteria=[Criterion(name="accuracy", question="?", anchors=list("12345"))],
        comparisons=[
            Comparison(a="a", b="b", kind="superiority"),
            Comparison(a="a", b="c", kind="non_inferiority", margin=0.9),
            Comparison(a="a", b="a", kind="superiority"),
        ],
        bootstrap_samples=200,
    )
    first, second, same = StudyTables(plan, Judgements(rows), {}, ["a", "b", "c"]).claims()
    assert first.difference == pytest.approx(0.25)
    assert second.difference == pytest.approx(-0.5)
    assert sorted([first.p_holm / first.p, second.p_holm / second.p])[1] == pytest.approx(2.0)
    assert (same.p, same.met, same.note) == (None, None, "no variation")
    assert second.met == (second.p_holm <= 0.05)
    assert first.met_alone == (first.ci95[0] > 0)
