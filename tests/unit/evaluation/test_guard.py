"""What became of general ability: the claim, its place in the verdict and the report, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.unit.evaluation.evaluation_samples import numbered, write_rows
from tests.unit.evaluation.test_evaluation_recipe import run
from tests.unit.generation.conftest import make_adapter, make_base
from tests.unit.generation.generate_recipe import rows, run_generate
from toolkit.errors import DataError
from toolkit.evaluation.guard import guard_systems
from toolkit.evaluation.inputs import System, human_system, read_references, read_system
from toolkit.evaluation.report import render_html, render_markdown, render_model_card
from toolkit.evaluation.results import evaluate_systems
from toolkit.evaluation.verdict import _Findings, _judge_guard
from toolkit.guard import read_guard_items
from toolkit.models import fingerprint_model
from toolkit.options.evaluation import MetricOptions
from toolkit.records import read_json, write_json
from toolkit.results.document import Source
from toolkit.results.guard import Guard, GuardClaim
from toolkit.runs.recorder import Recorder
from toolkit.settings import EvaluateSettings

ITEMS = read_guard_items()
STEPS = numbered("Open the app.", "Restart it.")


def write_answers(folder: Path, passing: int, last: bool = False) -> Path:
    """Answers of which the first (or the last) so many pass."""
    right = range(len(ITEMS) - passing, len(ITEMS)) if last else range(passing)
    lines = [
        {"id": item.id, "prompt": item.prompt, "output": item.good if index in right else item.bad}
        for index, item in enumerate(ITEMS)
    ]
    write_rows(folder / "predictions.jsonl", lines)
    return folder


def systems(names: Sequence[str] = ("baseline", "tuned"), fingerprint: str | None = None) -> list[System]:
    source = Source(file="f", sha256="0", rows=1)
    return [System(name, [""], ["stop"], source, {"system_fingerprint": fingerprint}) for name in names]


def claim_of(folder: Path, before: int, after: int, last: bool = False, margin: float = 0.1) -> GuardClaim:
    paths = {"baseline": write_answers(folder / "b", before), "tuned": write_answers(folder / "t", after, last)}
    guard = guard_systems(paths, systems(), margin)
    assert guard is not None
    assert [claim.a for claim in guard.claims] == ["tuned"]
    assert len(guard.answers) == len(guard.claims[0].lost) + len(guard.claims[0].gained)
    return guard.claims[0]


@pytest.mark.parametrize(
    ("before", "after", "last", "outcome"),
    [
        (70, 70, False, "kept"),
        (70, 69, False, "kept"),
        (60, 75, False, "kept"),
        (70, 40, False, "fell"),
        (80, 75, False, "fell"),  # by its interval, though less than the margin
        (40, 40, True, "open"),  # as many, but others: too much changed to be sure
        (5, 5, False, "blind"),
        (0, 60, False, "blind"),
    ],
)
def test_the_claim_is_decided_by_its_interval(
    before: int, after: int, last: bool, outcome: str, tmp_path: Path
) -> None:
    claim = claim_of(tmp_path, before, after, last)
    assert claim.outcome == outcome, claim.text
    assert (claim.passed_b, claim.passed_a, claim.n) == (before, after, 80)
    assert claim.ci95[0] < claim.ci95[1]
    assert sum(part.passed_a for part in claim.parts) == after


def test_a_wider_margin_allows_more(tmp_path: Path) -> None:
    assert claim_of(tmp_path / "a", 40, 40, last=True, margin=0.4).outcome == "kept"


def test_the_part_that_fell_most_is_named(tmp_path: Path) -> None:
    claim = claim_of(tmp_path, 80, 64)
    assert claim.worst is not None
    assert (claim.worst.name, claim.worst.passed_a) == ("short answers right in Indonesian", 0)
    assert "it lost some of what it could do; most fell short answers right in Indonesian (0 of 16, baseline 16)" in (
        claim.text
    )


@pytest.mark.parametrize(
    ("before", "after", "last", "verdict"),
    [(70, 70, False, "better"), (70, 40, False, "not_better"), (40, 40, True, "insufficient")],
)
def test_a_loss_refutes_better_and_an_open_claim_leaves_it_open(
    before: int, after: int, last: bool, verdict: str, tmp_path: Path
) -> None:
    found = _Findings()
    _judge_guard(claim_of(tmp_path, before, after, last), found)
    assert found.outcome == verdict


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    answers = {name: write_answers(tmp_path / name, 60) for name in ("baseline", "tuned")}
    assert guard_systems({}, systems(), 0.1) is None
    with pytest.raises(DataError, match=r"guard\.other: there is no predictions\.other; expected .* baseline, tuned"):
        guard_systems({"other": answers["tuned"]}, systems(), 0.1)
    for name in answers:
        with pytest.raises(DataError, match=f"found answers of {name} alone; expected those of baseline and"):
            guard_systems({name: answers[name]}, systems(), 0.1)
    write_json(answers["tuned"] / "generation.json", {"system_fingerprint": "b"})
    with pytest.raises(DataError, match=r"guard\.tuned: .* was answered by other weights"):
        guard_systems(answers, systems(fingerprint="a"), 0.1)
    write_rows(answers["tuned"] / "predictions.jsonl", [{"id": "x", "output": "y"}])
    with pytest.raises(DataError, match="found 1 predictions, expected 80"):
        guard_systems(answers, systems(), 0.1)


@pytest.fixture
def case(test_set: Callable[..., Path]) -> Path:
    """Eight questions that `tuned` answers as people do, and guards of which it lost half."""
    references = [numbered("Open the app.", f"Wait {index}.", "Close it.") for index in range(8)]
    folder = test_set(references, {"baseline": ["wait"] * 8, "tuned": references})
    write_answers(folder / "baseline" / "guard", 70)
    write_answers(folder / "tuned" / "guard", 35)
    return folder


def test_a_loss_decides_the_verdict_and_stands_in_the_report(case: Path, tiny_bert: Path) -> None:
    items, source = read_references(case / "dataset", "test")
    both = [read_system(name, case / name, items) for name in ("baseline", "tuned")]
    guard = guard_systems({name: case / name / "guard" for name in ("baseline", "tuned")}, both, 0.1)
    options = MetricOptions(
        bertscore_model=str(tiny_bert), bertscore_cache=False, bootstrap_samples=200, sensitivity_items=0
    )
    results = evaluate_systems(items, both, human_system(items, source), options, Recorder(None), guard=guard)
    verdict = results.verdict
    assert verdict.outcome == "not_better"
    assert verdict.reasons[0].startswith("it lost general ability: 35 of 80 bundled items, baseline 70, most of all ")
    assert len(verdict.reasons) == 1  # eight rows leave other things open, which add nothing to a loss
    assert verdict.plain.startswith(f"tuned does not answer better than baseline: {verdict.reasons[0]}")
    assert "General ability: tuned passes 35 of 80 bundled items, baseline 70 (−0.438" in verdict.numbers
    html, text = render_html(results), render_markdown(results)
    assert html.index("<h2>General ability</h2>") < html.index("<h2>Limits")
    assert html.count("does not pass") == 10
    assert "| tuned | all | 35 of 80 | 70 | −0.438 (" in text
    assert "General ability: tuned passes 35 of 80" in render_model_card(results, {})
    assert isinstance(results.guard, Guard)


@pytest.mark.slow
def test_generate_and_evaluate_headless_with_all_that_is_asked_of_the_base(
    tmp_path: Path, test_set: Callable[..., Path], tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPTUNE_CACHE", str(tmp_path / "cache"))
    folder = test_set([STEPS, STEPS], {})
    base = make_base(tmp_path / "base", dtype="bfloat16")
    training = {"base_model": str(base), "base_fingerprint": fingerprint_model(str(base)), "quantization": "nf4"}
    outcome = run_generate(
        tmp_path / "generate",
        model=str(base),
        adapter=make_adapter(tmp_path / "adapter", base, training=training),
        data=folder / "dataset",
        systems=["baseline", "tuned"],
        guard_items=True,
    )
    assert outcome.headline["answers"] == 4
    for name in ("baseline", "tuned"):
        assert [row["id"] for row in rows(outcome.outputs[f"guard_{name}"])] == [item.id for item in ITEMS]
        assert len(rows(outcome.outputs[f"predictions_{name}"].parent)) == 2
        own, of_guard = (
            read_json(path) or {}
            for path in (outcome.outputs[f"generation_{name}"], outcome.outputs[f"guard_{name}"] / "generation.json")
        )
        assert own["system_fingerprint"] == of_guard["system_fingerprint"]
        assert (own["this_process"]["systems"], own["prompt_format"]) == (1, of_guard["prompt_format"])
    ended = run(
        tmp_path / "evaluate",
        EvaluateSettings(
            predictions={name: outcome.outputs[f"predictions_{name}"] for name in ("baseline", "tuned")},
            guard={name: outcome.outputs[f"guard_{name}"] for name in ("baseline", "tuned")},
            data=folder / "dataset",
            contamination_model=str(base),
            bertscore_model=str(tiny_bert),
            bootstrap_samples=200,
        ),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    written = read_json(tmp_path / "evaluate" / "report" / "results.json") or {}
    assert (written["guard"]["claims"][0]["outcome"], written["guard"]["claims"][0]["n"]) == ("blind", 80)
    assert written["verdict"]["outcome"] != "better"
    assert "General ability: tuned passes" in ended.stdout
    report = (tmp_path / "evaluate" / "report" / "report.md").read_text(encoding="utf-8")
    assert "has seen the test questions could not be measured: 0 of 2 test questions" in report
