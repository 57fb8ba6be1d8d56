"""The way from a run to its data set: one for data-build runs and pipelines, commands and screens."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review_case import write_dataset
from toolkit.cli import main
from toolkit.errors import DataError
from toolkit.records import append_jsonl, write_json
from toolkit.run_folder.create import create_run
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.outputs import find_dataset, output_of
from toolkit.runs.row import read_row
from tui.logic.data_sets import find_data_sets


def ended(run: RunFolder, state: str = "finished", **outputs: str) -> RunFolder:
    named = {name: {"path": path, "sha256": "0"} for name, path in outputs.items()}
    write_json(run.path / "result.json", {"state": state, "exit_code": 0, "outputs": named})
    return run


def with_dataset(run: RunFolder) -> RunFolder:
    """A finished data-build run with a data set and its card."""
    write_json(write_dataset(run.path / "dataset") / "card.json", {"splits": {"train": {"rows": 8}}})
    return ended(run, dataset="dataset")


@pytest.fixture
def pipeline(runs: Path) -> RunFolder:
    """A pipeline that has come as far as its data set."""
    run = create_run("pipeline", "")
    stage = with_dataset(create_run("data-build", "", run.path / "stages" / "data-build", run.id))
    append_jsonl(run.path / "events.jsonl", {"event": "stage_started", "stage": "data-build", "run": str(stage.path)})
    return run


def shown(run: RunFolder) -> list[Path]:
    return [found.path for found in find_data_sets([read_row(run.path)])]


def test_a_data_set_is_found_by_its_run(runs: Path) -> None:
    run = with_dataset(create_run("data-build", ""))
    assert find_dataset(run.path) == find_dataset(run.path / "dataset") == run.path / "dataset"
    assert shown(run) == [run.path / "dataset"]
    with pytest.raises(DataError, match="holds no data set"):
        find_dataset(runs)


@pytest.mark.parametrize("state", ["finished", "failed", "running"])
def test_a_data_set_that_a_pipeline_built_is_found_by_the_pipeline(
    pipeline: RunFolder, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = pipeline.path / "stages" / "data-build" / "dataset"
    if state == "finished":
        ended(pipeline, dataset="stages/data-build/dataset")
    elif state == "failed":
        ended(pipeline, "failed")
    assert find_dataset(pipeline.path) == dataset
    assert shown(pipeline) == [dataset]
    assert main(["curate", str(pipeline.path), "--report"]) == 0
    assert "open disagreements 0" in capsys.readouterr().out


def test_a_data_set_that_another_pipeline_built_is_found_where_its_stage_was_skipped(pipeline: RunFolder) -> None:
    second = create_run("pipeline", "")
    stage = pipeline.path / "stages" / "data-build"
    append_jsonl(second.path / "events.jsonl", {"event": "stage_skipped", "stage": "data-build", "run": str(stage)})
    assert find_dataset(second.path) == stage / "dataset"
    assert shown(second) == [stage / "dataset"]


def test_an_output_that_is_gone_or_was_never_recorded_is_none(pipeline: RunFolder) -> None:
    assert output_of(pipeline, "adapter") is None
    assert output_of(ended(create_run("sft", ""), adapter="adapter"), "adapter") is None
    write_json(pipeline.path / "result.json", {"state": "finished", "outputs": {"adapter": 3}})
    assert output_of(pipeline, "adapter") is None
