"""The claim that a shipped file answers as well as the merged model."""

from __future__ import annotations

import numpy as np
import pytest

from toolkit.evaluation.inputs import System, TestItem
from toolkit.evaluation.shipped import claim_of, claim_shipped, outcome_of, shipped_system
from toolkit.results.document import Source


def items(count: int) -> list[TestItem]:
    return [TestItem(str(n), f"How {n}?", f"1. Open the box {n}.\n2. Press the key.", f"g{n}") for n in range(count)]


@pytest.mark.parametrize(
    ("interval", "before", "outcome"),
    [
        ((-0.04, 0.01), 0.3, "ships"),
        ((-0.04, -0.01), 0.3, "ships"),  # worse, but by less than was allowed
        ((-0.06, 0.01), 0.3, "open"),
        ((-0.2, -0.06), 0.3, "does_not"),
        (None, 0.3, "open"),
        ((-0.01, 0.01), 0.04, "open"),  # nothing to lose: it shows nothing
    ],
)
def test_the_interval_decides_against_the_margin(interval, before: float, outcome: str) -> None:
    assert outcome_of(before, interval, 0.05) == outcome


def test_the_same_answers_ship() -> None:
    rows = items(49)
    answers = [item.reference for item in rows]
    claim = claim_shipped(rows, answers, answers, 0.05)
    assert (claim.outcome, claim.same, claim.n, claim.difference) == ("open", 49, 49, 0.0)
    # With all to lose (ROUGE-L 1), 49 rows leave room for 7 % of answers that nobody saw; at usual scores they do not.
    half = [f"{text}\nand words that nobody wrote in the answer" for text in answers]
    assert claim_shipped(rows, half, half, 0.05).mean_a < 0.7
    assert claim_of(np.full(49, 0.2), np.full(49, 0.2), [item.group for item in rows], 49, 0.05).outcome == "ships"


def test_broken_answers_do_not() -> None:
    rows = items(49)
    claim = claim_shipped(rows, ["nothing of it"] * 49, [item.reference for item in rows], 0.05)
    assert (claim.outcome, claim.same) == ("does_not", 0)
    assert "does not ship" in claim.text


def test_two_rows_do_not_tell() -> None:
    rng = np.random.default_rng(0)
    a, b = 0.2 + rng.normal(0, 0.1, 2), 0.2 + rng.normal(0, 0.1, 2)
    assert claim_of(a, b, ["a", "b"], 0, 0.05).outcome == "open"
    assert claim_of(a, b, ["a", "a"], 0, 0.05).ci95 is None


def test_evaluate_makes_the_claim_where_both_arms_are_there() -> None:
    rows = items(5)
    source = Source(file="f", sha256="s", rows=5)
    arms = [System(name, [item.reference for item in rows], ["stop"] * 5, source) for name in ("tuned", "shipped")]
    assert shipped_system(arms, rows, 0.05) is not None
    assert shipped_system(arms[:1], rows, 0.05) is None
