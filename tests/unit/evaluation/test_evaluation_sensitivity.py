"""Answers damaged on purpose, and which metric notices what."""

from pathlib import Path

import pytest

from tests.unit.evaluation.evaluation_samples import numbered
from toolkit.evaluation.inputs import TestItem
from toolkit.evaluation.perturbations import PERTURBATIONS, perturb
from toolkit.evaluation.rates import repeated_share
from toolkit.evaluation.report_view import noticed
from toolkit.evaluation.scoring import load_text_metrics
from toolkit.evaluation.sensitivity import damage, damaged_pairs, measure_sensitivity
from toolkit.evaluation.step_scores import load_matcher
from toolkit.evaluation.steps import step_texts
from toolkit.options.evaluation import MetricOptions

ANSWER = numbered("Open the app.", "Choose settings.", "Do not press power.", "Turn wifi on.")
OTHER = numbered("Close the window.", "Wait for the light.")


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_each_kind_changes_the_answer_and_always_alike(kind: str) -> None:
    damaged = perturb(kind, ANSWER, OTHER, 3)
    assert damaged is not None
    assert damaged != ANSWER
    assert damaged == perturb(kind, ANSWER, OTHER, 3)


def test_what_each_kind_does() -> None:
    steps = step_texts(ANSWER)
    found = {kind: step_texts(perturb(kind, ANSWER, OTHER, 3) or "") for kind in PERTURBATIONS}
    assert sorted(found["shuffle"]) == sorted(steps)
    assert found["shuffle"] != steps
    assert len(found["drop"]) == 3
    assert sorted({*found["duplicate"]}) == sorted(steps)
    assert len(found["duplicate"]) == 5
    assert len(set(found["negate"]) & set(steps)) == 3
    assert len(set(found["foreign"]) & set(step_texts(OTHER))) == 1
    assert perturb("unnumber", ANSWER, OTHER, 3) == "\n".join(steps)


def test_a_negation_is_taken_out_where_there_is_one() -> None:
    only = numbered("Do not press power.", "Do not press power.")
    assert "1. Press power." in (perturb("negate", only, OTHER, 0) or "") or "2. Press power." in (
        perturb("negate", only, OTHER, 0) or ""
    )
    assert "should not" in (perturb("negate", numbered("You should wait.", "You should wait."), OTHER, 0) or "")


def test_a_single_step_cannot_be_damaged() -> None:
    assert all(perturb(kind, "1. Open it.", OTHER, 0) is None for kind in PERTURBATIONS)
    assert perturb("shuffle", numbered("Wait.", "Wait."), OTHER, 0) is None
    assert perturb("foreign", ANSWER, "", 0) is None


def test_order_is_noticed_by_order_tau_and_numbers_by_the_format(tiny_bert: Path) -> None:
    words = ["app", "settings", "wifi", "file", "window", "power", "button", "light"]
    items = [
        TestItem(
            str(index),
            "",
            numbered(f"Open the {word}.", f"Turn {word} on.", f"Close {words[index - 1]}.", "Wait for it."),
            str(index),
        )
        for index, word in enumerate(words)
    ]
    options = MetricOptions(
        bertscore_model=str(tiny_bert),
        bertscore_cache=False,
        step_threshold=0.999,
        sensitivity_items=6,
        bootstrap_samples=300,
    )
    metrics = load_text_metrics(options, [], lambda done, total: None)
    damaged = damage(items, options)
    matcher = load_matcher(metrics.bert, [text for pair in damaged_pairs(damaged) for text in pair], items, options)
    rows = {(row.perturbation, row.metric): row for row in measure_sensitivity(damaged, metrics, matcher, options)}
    assert len(rows) == 36
    assert {row.n for row in rows.values()} == {6}
    answers = {key: noticed(row) for key, row in rows.items()}
    assert (
        answers["shuffle", "order_tau"],
        answers["shuffle", "step_f1"],
        answers["shuffle", "format_conformance"],
    ) == ("yes", "no", "no")
    assert (answers["shuffle", "rouge_l"], answers["shuffle", "rouge_lsum"]) == ("yes", "no")
    assert (answers["unnumber", "format_conformance"], answers["unnumber", "rouge_l"]) == ("yes", "no")
    assert rows["drop", "step_f1"].drop == pytest.approx(1 - 6 / 7)
    assert rows["duplicate", "format_conformance"].mean == 0.0


def test_repetition_is_a_share_of_runs_of_words() -> None:
    assert repeated_share("one two three four five six") == 0.0
    assert repeated_share("wait for it now " * 50) > 0.9
    assert repeated_share("") == 0.0
