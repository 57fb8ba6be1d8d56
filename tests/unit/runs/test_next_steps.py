"""What a run that did not finish means and offers, what a live one does in words, and how long a pipeline takes."""

from __future__ import annotations

import fcntl
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tui.sample_runs import make_pipeline, make_run
from toolkit.records import dump_line
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.expected_time import expected_time
from toolkit.runs.next_steps import less_memory, meaning, next_steps
from toolkit.runs.phases import doing
from toolkit.runs.recorder import LOADING, Recorder
from toolkit.runs.row import read_row
from toolkit.runs.time_left import stage_times, whole_left


@pytest.mark.parametrize(
    ("state", "steps"),
    [
        (State.FAILED, ["resume", "again", "log"]),
        (State.OUT_OF_MEMORY, ["again", "resume", "log"]),
        (State.CANCELLED, ["resume", "again", "log"]),
        (State.LOST, ["resume", "again", "log"]),
        (State.STALLED, ["log", "stop"]),
        (State.FINISHED, []),
        (State.RUNNING, []),
    ],
)
def test_each_state_says_what_it_means_and_what_to_do(tmp_path: Path, state: State, steps: list[str]) -> None:
    batch = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    run = RunFolder(make_run(tmp_path, "a-sft-1", steps=23, config=batch))
    found = next_steps(run, state)
    assert [step.step for step in found] == steps
    assert bool(meaning(state)) == bool(steps)
    if "resume" in steps:
        assert "resume from step 20" in [step.text for step in found]
    if state is State.OUT_OF_MEMORY:
        assert found[0].changes == {"per_device_train_batch_size": "2", "gradient_accumulation_steps": "4"}


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"sft.per_device_train_batch_size": 6, "sft.gradient_accumulation_steps": 1}, {"sft": (3, 2)}),
        ({"per_device_train_batch_size": 3, "gradient_accumulation_steps": 2}, {"": (1, 6)}),
        ({"per_device_train_batch_size": 1, "gradient_checkpointing": "false"}, {"gradient_checkpointing": "true"}),
        (
            {"per_device_train_batch_size": "auto", "gradient_checkpointing": "true", "max_length": 2048},
            {"max_length": "1024"},
        ),
        ({"stages": ["split"]}, {}),
    ],
)
def test_less_memory_keeps_the_rows_of_a_step_as_long_as_it_can(
    settings: dict[str, object], changes: dict[str, object]
) -> None:
    found = less_memory(settings)
    if changes and isinstance(pair := next(iter(changes.values())), tuple):
        prefix = f"{next(iter(changes))}." if next(iter(changes)) else ""
        changes = {
            f"{prefix}per_device_train_batch_size": str(pair[0]),
            f"{prefix}gradient_accumulation_steps": str(pair[1]),
        }
    assert found == changes


def test_a_live_run_says_what_it_does(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a-sft-1", state=None, steps=0, created=time.time())
    run = RunFolder(path)
    said = []

    def event(name: str) -> None:
        with run.events_file.open("a") as file:
            file.write(dump_line({"time": time.time(), "event": name}))

    run.events_file.write_text("")
    with run.lock_file.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said.append(doing(run, State.STARTING, ""))
        event("supervisor_started")
        said.append(read_row(path).doing)
        event("started")
        said.append(read_row(path).doing)
        recorder = Recorder(path)
        recorder.begin(LOADING)
        said.append(read_row(path).doing)
        recorder.progress("train", 1, 60)
        recorder.begin("evaluating at step 1", 1, 60)
        row = read_row(path)
        said.append(row.doing)
        assert (row.share, row.eta_s) == (1 / 60, None)
        event("stop_asked")
        said.append(read_row(path).doing)
    assert said[:5] == ["starting", "importing", "preparing", "loading the model", "evaluating at step 1"]
    assert said[5].startswith("stopping (up to ")


def test_the_whole_time_of_a_pipeline_is_known_once_all_its_stages_are(tmp_path: Path) -> None:
    path = make_pipeline(tmp_path, "20261118-130000-pipeline-b", running=True)
    sft = path / "stages" / "sft"
    with (path / "run.lock").open("ab") as outer, (sft / "run.lock").open("ab") as inner:
        fcntl.flock(outer, fcntl.LOCK_EX)
        fcntl.flock(inner, fcntl.LOCK_EX)
        row = read_row(path)
        assert [stage.live for stage in row.stages] == [False, True, False, False, False]
        assert whole_left(row, stage_times(path, row.model)) is None
        make_pipeline(tmp_path, "20261118-120000-pipeline-a")
        times = stage_times(path, row.model)
        assert set(times.values()) == {240.0}
        assert whole_left(row, times) == (row.stages[1].eta_s or 0.0) + 3 * 240.0
        assert stage_times(path, "another model") == {}


def test_a_run_takes_about_as_long_as_the_last_of_its_kind(tmp_path: Path) -> None:
    rows = [read_row(make_run(tmp_path, "a-sft-1", steps=60))]
    model = rows[0].model
    found = expected_time(rows, "sft", model, 30)
    assert found is not None
    assert (found.seconds, str(found)) == (240.0, "about 4:00, by a-sft-1")
    assert expected_time(rows, "sft", "another", 30) is None
    assert expected_time([replace(rows[0], state=State.FAILED)], "sft", model, 30) is None


def test_a_result_of_a_failed_run_keeps_its_whole_message(tmp_path: Path) -> None:
    from toolkit.runs.next_steps import whole_message

    path = make_run(tmp_path, "a-sft-1", state="failed", message="first\nsecond")
    assert whole_message(RunFolder(path)) == "first\nsecond"
    (path / "result.json").write_text(json.dumps("x"))
    assert whole_message(RunFolder(path)) == ""
