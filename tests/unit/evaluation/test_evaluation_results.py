import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.evaluation.evaluation_samples import numbered, write_rows
from toolkit.errors import Cancelled
from toolkit.evaluation.comparisons import nothing_in_common
from toolkit.evaluation.inputs import human_system, read_references, read_system
from toolkit.evaluation.results import evaluate_systems
from toolkit.options.evaluation import MetricOptions
from toolkit.results.document import Results
from toolkit.results.headline import headline_of
from toolkit.runs.recorder import Recorder

REFERENCES = [numbered("Open the app.", "Choose settings.", f"Tap wifi {index}.") for index in range(8)]
GOOD = [text.replace("Choose", "Open") for text in REFERENCES]
BAD = ["press power button wait"] * 8
HOSTILE = ["", "**\n__", "wait " * 10_000, "<script>alert(1)</script>", "1. \x00", "]]>&amp;|`", "1.\n2.", "\u202e①"]


def evaluated(folder: Path, names: list[str], tiny_bert: Path, recorder: Recorder | None = None) -> Results:
    items, source = read_references(folder / "dataset", "test")
    systems = [read_system(name, folder / name, items) for name in names]
    return evaluate_systems(
        items,
        systems,
        human_system(items, source),
        MetricOptions(bertscore_model=str(tiny_bert), bertscore_cache=False, bootstrap_samples=500),
        recorder or Recorder(None),
    )


@pytest.fixture
def results(test_set: Callable[..., Path], tiny_bert: Path) -> Results:
    return evaluated(test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD}), ["baseline", "tuned"], tiny_bert)


def test_every_metric_has_mean_interval_n_floor_and_signature(results: Results) -> None:
    assert results.schema_ == 1
    assert list(results.systems) == ["baseline", "tuned", "human"]
    for name in ("baseline", "tuned"):
        for metric in ("rouge_l", "bertscore_f1", "format_conformance"):
            found = results.systems[name].metrics[metric]
            assert found.n == 8
            assert found.ci95[0] <= found.mean <= found.ci95[1]
            assert isinstance(found.floor, float)
            assert found.signature.startswith(metric.removesuffix("_f1"))
    tuned = results.systems["tuned"].metrics["rouge_l"]
    assert tuned.mean == pytest.approx(7 / 8, abs=1e-6)
    assert tuned.floor == pytest.approx(6 / 8, abs=1e-6)


def test_the_human_answers_are_not_scored_against_themselves(results: Results) -> None:
    human = results.systems["human"].metrics
    assert (human["rouge_l"].mean, human["rouge_l"].n, human["bertscore_f1"].mean) == (None, 0, None)
    assert human["rouge_l"].floor == pytest.approx(7 / 8, abs=1e-6)
    assert human["format_conformance"].mean == 1.0
    assert results.items[0].scores["human"]["rouge_l"] is None


def test_the_human_ceiling_comes_from_second_references(tmp_path: Path, tiny_bert: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": name, "prompt": f"How {name}?", "output": f"1. Open {name}.\n2. Wait."} for name in "abc"
    ]
    rows[0]["meta"] = {"references": ["1. Press it.", "1. Open a.\n2. Wait."[::-1], "1. open a!"]}
    write_rows(tmp_path / "dataset" / "test.jsonl", rows)
    write_rows(tmp_path / "tuned" / "predictions.jsonl", [{"id": name, "output": "1. Wait."} for name in "abc"])
    human = evaluated(tmp_path, ["tuned"], tiny_bert).systems["human"].metrics["rouge_l"]
    assert (human.mean, human.n) == (pytest.approx(0.8), 1)


def test_paired_comparison_and_its_floor(results: Results) -> None:
    rouge, similarity, form, steps, order = results.comparisons
    assert [row.metric for row in (rouge, similarity, form, steps, order)] == results.family
    assert (rouge.a, rouge.b, rouge.wins, rouge.ties, rouge.losses, rouge.n) == (
        "tuned",
        "baseline",
        8,
        0,
        0,
        8,
    )
    assert rouge.p == pytest.approx(2 / 2**8)
    assert rouge.p_holm == pytest.approx(5 * 2 / 2**8)
    assert rouge.shares is not None
    assert (rouge.shares.win.count, rouge.shares.win.n, rouge.shares.win.share) == (8, 8, 1.0)
    assert rouge.shares.win.ci95 == pytest.approx((8 / (8 + 2.364624**2), 1.0), abs=1e-5)  # a t quantile for 8 groups
    assert rouge.above_floor is not None
    assert rouge.smallest_detectable is None  # the differences do not vary
    assert rouge.above_floor.difference == pytest.approx(rouge.difference - rouge.floor_difference, abs=1e-5)


def test_the_verdict_rests_on_what_is_above_the_floor(results: Results) -> None:
    verdict = results.verdict
    assert verdict.numbers.startswith("+0.125 ROUGE-L above the floor (95 % interval −")
    assert verdict.numbers.endswith(
        "n = 8 items; the whole difference is +0.875, and +0.750 of it is also gained against other items' references."
    )
    assert (verdict.outcome, verdict.system, verdict.baseline, verdict.rests_on) == (
        "insufficient",
        "tuned",
        "baseline",
        "metrics",
    )
    assert verdict.plain.startswith("8 test rows are not enough to say whether tuned answers better than baseline: ")
    assert (verdict.rows_enough or 0) > 8


def test_an_interval_with_zero_shows_no_difference(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    mixed = [good if index % 2 else bad for index, (good, bad) in enumerate(zip(GOOD, BAD, strict=True))]
    opposite = [bad if index % 2 else good for index, (good, bad) in enumerate(zip(GOOD, BAD, strict=True))]
    verdict = evaluated(
        test_set(REFERENCES, {"baseline": mixed, "tuned": opposite}), ["baseline", "tuned"], tiny_bert
    ).verdict
    assert verdict.outcome == "insufficient"
    assert verdict.numbers.startswith("0.000 ROUGE-L above the floor (95 % interval −")


@pytest.mark.parametrize(
    ("difference", "ci95", "p_holm", "expected"),
    [
        (0.2, (0.1, 0.3), 0.01, "better"),
        (-0.2, (-0.3, -0.1), 0.01, "worse"),
        (0.2, (-0.1, 0.3), 0.01, "unclear"),
        (0.2, (0.0, 0.3), 0.01, "unclear"),
        (0.2, (0.1, 0.3), 0.06, "uncorrected"),
        (0.2, None, 0.01, "unclear"),
    ],
)
def test_words_follow_interval_and_corrected_test(
    difference: float, ci95: tuple[float, float] | None, p_holm: float, expected: str
) -> None:
    row = nothing_in_common("tuned", "baseline", "rouge_l")
    row.difference, row.ci95, row.p_holm = difference, ci95, p_holm
    assert row.conclusion == expected


def test_two_runs_give_the_same_bytes_apart_from_the_time(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    folder = test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD}, groups=list("aabbccdd"))
    documents = [evaluated(folder, ["baseline", "tuned"], tiny_bert).to_json() for _ in range(2)]
    for document in documents:
        document["environment"].pop("time")
    assert json.dumps(documents[0]) == json.dumps(documents[1])


def test_one_system_alone_works(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    results = evaluated(test_set(REFERENCES, {"mine": GOOD}), ["mine"], tiny_bert)
    assert results.comparisons == []
    assert results.verdict.outcome == "insufficient"
    assert results.verdict.plain.startswith("There is no second system to compare mine with")
    assert results.verdict.numbers.startswith("mine scores 0.875 ROUGE-L (95 % interval 0.")
    assert headline_of(results).system == "mine"


def test_one_item_alone_works(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    results = evaluated(
        test_set(REFERENCES[:1], {"baseline": BAD[:1], "tuned": GOOD[:1]}), ["baseline", "tuned"], tiny_bert
    )
    metric = results.systems["tuned"].metrics["rouge_l"]
    assert (metric.ci95, metric.floor, metric.n) == (None, None, 1)
    assert results.verdict.outcome == "insufficient"
    assert "no interval: all items are in one group" in results.verdict.numbers


def test_hostile_outputs_are_scored_and_counted(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    tuned = evaluated(test_set(REFERENCES, {"tuned": HOSTILE}), ["tuned"], tiny_bert).systems["tuned"]
    assert tuned.metrics["format_conformance"].mean == 0.0
    assert (tuned.descriptive.empty, tuned.descriptive.bertscore_truncated) == (1, 1)
    assert "truncated:0.125" in tuned.metrics["bertscore_f1"].signature


def test_headline_is_of_the_last_system_that_is_not_the_baseline(results: Results) -> None:
    found = headline_of(results)
    assert (found.system, found.n, found.numbers["rouge_l"]) == ("tuned", 8, pytest.approx(0.875))
    assert found.numbers["rouge_l_difference"] == pytest.approx(0.875)


def test_a_stop_request_ends_between_batches(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    recorder = Recorder(None)
    recorder.stop_requested = True
    with pytest.raises(Cancelled):
        evaluated(test_set(REFERENCES, {"tuned": GOOD}), ["tuned"], tiny_bert, recorder)
