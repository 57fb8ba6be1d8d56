"""Several trainings and decodes of one system: read, pooled, their variance split, and what the verdict says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.unit.evaluation.evaluation_samples import numbered, write_rows
from toolkit.errors import DataError
from toolkit.evaluation.inputs import System, human_system, read_references, read_system
from toolkit.evaluation.intervals import cluster
from toolkit.evaluation.report import render_html, render_markdown
from toolkit.evaluation.results import evaluate_systems
from toolkit.evaluation.scoring import MetricScores
from toolkit.evaluation.several import (
    combined_degrees,
    levels_measured,
    require_comparable_runs,
    split_variance,
    trainings_of,
)
from toolkit.options.evaluation import MetricOptions
from toolkit.results.document import Results, Source
from toolkit.runs.recorder import Recorder
from toolkit.settings import EvaluateSettings

REFERENCES = [numbered("Open the app.", f"Wait {index}.", "Close it.") for index in range(8)]


def write_run(folder: Path, outputs: list[str], weights: str = "", adapter: Path | None = None) -> Path:
    rows = [{"id": f"q{index}", "output": text, "finish_reason": "stop"} for index, text in enumerate(outputs)]
    write_rows(folder / "predictions.jsonl", rows)
    if weights:
        found = {"system_fingerprint": weights, "adapter": str(adapter) if adapter else None}
        (folder / "generation.json").write_text(json.dumps(found), encoding="utf-8")
    return folder


def system(name: str, weights: list[str]) -> System:
    runs = [
        System(
            f"{name} {number}",
            [],
            [],
            Source(file=f"{number}", sha256=f"{name}{number}", rows=0),
            {"system_fingerprint": known},
        )
        for number, known in enumerate(weights)
    ]
    return System(name, [], [], runs[0].source, runs[0].generation, tuple(runs[1:]))


def scores(values: np.ndarray) -> dict[str, MetricScores]:
    return {"step_f1": MetricScores(values, np.full(len(values), np.nan), "", "")}


def evaluated(folder: Path, tuned: list[Path], bert: Path) -> Results:
    items, source = read_references(folder / "dataset", "test")
    systems = [read_system("baseline", folder / "baseline", items), read_system("tuned", tuned, items)]
    require_comparable_runs(systems)
    options = MetricOptions(
        bertscore_model=str(bert), bootstrap_samples=200, sensitivity_items=0, bertscore_cache=False
    )
    return evaluate_systems(items, systems, human_system(items, source), options, Recorder(None))


def test_the_means_of_all_runs_are_compared_and_every_report_says_so(
    test_set: Callable[..., Path], tiny_bert: Path, tmp_path: Path
) -> None:
    folder = test_set(REFERENCES, {"baseline": [numbered("Wait.", f"Press {index}.") for index in range(8)]})
    worse = [text.replace("Close it", "Press the light") for text in REFERENCES]
    runs = [write_run(tmp_path / "one", REFERENCES), write_run(tmp_path / "two", worse)]
    results = evaluated(folder, runs, tiny_bert)
    tuned = results.systems["tuned"]
    assert tuned.runs is not None
    assert [run.training for run in tuned.runs] == [1, 2]
    means = [run.means["rouge_l"] or 0 for run in tuned.runs]
    assert tuned.metrics["rouge_l"].mean == pytest.approx(sum(means) / 2, abs=1e-5)
    assert tuned.descriptive.steps == 3
    assert set(results.systems) == {"baseline", "tuned", "human"}
    assert set(results.environment.inputs) == {"baseline", "tuned", "tuned #2", "human"}
    [split] = [row for row in results.variance if row.metric == "rouge_l"]
    assert split.training is not None
    assert split.decode is None
    assert results.verdict.measured == ["test items", "training seeds"]
    assert results.verdict.not_measured == ["decodes", "raters"]
    reach = "It holds above the test items and the training seeds that were drawn; not measured: decodes, raters."
    for text in (results.verdict.text, render_markdown(results), render_html(results)):
        assert reach in text
    assert "Where the variance comes from" in render_html(results)
    alone = evaluated(folder, runs[:1], tiny_bert)
    assert [(row.training, row.decode) for row in alone.variance] == [(None, None)] * 4  # no order of steps here
    assert alone.verdict.not_measured == ["training seeds", "decodes", "raters"]
    assert "Where the variance comes from" not in render_markdown(alone)


def test_files_of_the_same_weights_are_decodes_of_one_training() -> None:
    assert trainings_of(system("tuned", ["a", "b", "a"])) == [0, 1, 0]
    assert trainings_of(system("tuned", ["", ""])) == [0, 1]  # nothing says so: trainings


def test_variance_adds_up_over_items_trainings_and_decodes() -> None:
    """Simulated: items .04 / 50, trainings .01 / 4, decodes .0025 / 8 of the variance of the difference."""
    generator = np.random.default_rng(1)
    tuned, baseline = system("tuned", ["a", "a", "b", "b", "c", "c", "d", "d"]), system("baseline", ["x"])
    found, means = [], []
    for _ in range(400):
        item = generator.normal(0, 0.2, 50)
        seeds = generator.normal(0, 0.1, 4)
        runs = [item + seeds[run // 2] + generator.normal(0, 0.05) for run in range(8)]
        data = cluster(np.mean(runs, axis=0), [str(index) for index in range(50)])
        own = {"tuned": [scores(run) for run in runs], "baseline": [scores(np.zeros(50))]}
        spread = split_variance("step_f1", tuned, baseline, own, np.arange(50), data)
        found.append((spread.split.items, spread.split.training, spread.split.decode))
        means.append(data.mean)
        assert combined_degrees(data, spread) > 3
    items, training, decode = np.mean(np.array(found, dtype=float), axis=0)
    assert items == pytest.approx(0.04 / 50, rel=0.1)
    assert training == pytest.approx(0.01 / 4, rel=0.15)
    assert decode == pytest.approx(0.0025 / 8, rel=0.15)
    assert items + training + decode == pytest.approx(np.var(means), rel=0.2)


def test_what_was_not_drawn_again_is_named() -> None:
    tuned, baseline = system("tuned", ["a", "b"]), system("baseline", ["x"])
    assert levels_measured(tuned, baseline, "people") == (["test items", "training seeds", "raters"], ["decodes"])
    greedy = System("tuned", [], [], tuned.source, {"sampling": {"temperature": 0.0}})
    assert levels_measured(greedy, greedy, "metrics") == (["test items"], ["training seeds", "raters"])


def test_trainings_of_different_data_are_refused_with_both_files(test_set: Callable[..., Path], tmp_path: Path) -> None:
    folder = test_set(REFERENCES, {})
    items, _ = read_references(folder / "dataset", "test")
    runs = []
    for name in ("one", "two"):
        adapter = tmp_path / f"adapter-{name}"
        adapter.mkdir()
        (adapter / "training.json").write_text(json.dumps({"dataset_hash": f"hash-{name}"}), encoding="utf-8")
        runs.append(write_run(tmp_path / name, [*REFERENCES[:7], name], name, adapter))
    with pytest.raises(DataError, match=r"different data sets: one/predictions\.jsonl .*two/predictions\.jsonl"):
        require_comparable_runs([read_system("tuned", runs, items)])
    with pytest.raises(DataError, match="same content"):
        require_comparable_runs([read_system("tuned", [runs[0], runs[0]], items)])


def test_a_training_with_other_items_is_refused_with_their_ids(test_set: Callable[..., Path], tmp_path: Path) -> None:
    items, _ = read_references(test_set(REFERENCES, {}) / "dataset", "test")
    runs = [write_run(tmp_path / "one", REFERENCES), write_run(tmp_path / "two", REFERENCES[:6])]
    with pytest.raises(DataError, match=r"Missing: q6, q7"):
        read_system("tuned", runs, items)
    with pytest.raises(DataError, match="empty list"):
        read_system("tuned", [], items)


def test_the_option_takes_one_file_or_a_list(tmp_path: Path) -> None:
    one, two = write_run(tmp_path / "one", []), write_run(tmp_path / "two", [])
    settings = EvaluateSettings.model_validate({"predictions": {"baseline": str(one), "tuned": [str(one), str(two)]}})
    assert settings.predictions == {"baseline": one, "tuned": [one, two]}
