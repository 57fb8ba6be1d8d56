"""Run folders: ids, look-up, derived states, progress of files that another process is writing."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from tests.tui.sample_runs import results as sample_results
from toolkit.errors import UsageError
from toolkit.records import write_json
from toolkit.results.document import Metric, Results
from toolkit.results.table import results_table
from toolkit.run_folder.create import create_run
from toolkit.run_folder.documents import Progress
from toolkit.run_folder.find import find_run, list_runs
from toolkit.run_folder.folder import RunFolder, lock_exclusively
from toolkit.runs.follow import describe_progress
from toolkit.terminal.numbers import amount, clock


def test_runs_are_found_by_part_of_their_id_by_latest_by_stage_and_by_path(runs: Path) -> None:
    first = create_run("sft", "a: 1\n")
    second = create_run("pipeline", "a: 1\n")
    create_run("data-build", "a: 1\n", second.path / "stages" / "data-build")
    assert find_run(first.id) == first
    assert find_run(first.id[-4:]) == first
    assert find_run(str(second.path)).path == second.path
    assert find_run(f"{second.id}/data-build").path == second.path / "stages" / "data-build"
    assert {run.id for run in list_runs()} == {first.id, second.id}


def test_a_stage_of_the_latest_run_is_found_as_the_help_says(runs: Path) -> None:
    run = create_run("pipeline", "a: 1\n")
    create_run("sft", "a: 1\n", run.path / "stages" / "sft")
    assert find_run("latest/sft").path == run.path / "stages" / "sft"
    with pytest.raises(UsageError, match="has no stage 'evaluate'; it has: sft"):
        find_run("latest/evaluate")


def test_latest_of_no_runs_says_that_there_is_none(runs: Path) -> None:
    with pytest.raises(UsageError, match="There is no run 'latest'"):
        find_run("latest")


def test_a_renamed_folder_is_found_by_its_id_and_not_taken_for_another(runs: Path) -> None:
    run = create_run("sft", "")
    other = create_run("sft", "", run.path.with_name(f"{run.id}2"))
    kept = RunFolder(run.path.rename(run.path.with_name("kept")))
    assert (find_run(run.id), find_run("kept"), find_run(f"{run.id}2")) == (kept, kept, other)


@pytest.mark.parametrize(
    ("name", "message"), [("zzz", "There is no run 'zzz'"), ("", "There is no run ''"), ("20", "fits 2 runs")]
)
def test_look_ups_that_fail_say_why(runs: Path, name: str, message: str) -> None:
    create_run("sft", "")
    create_run("sft", "")
    with pytest.raises(UsageError, match=message):
        find_run(name)


def test_an_unknown_stage_lists_the_stages(runs: Path) -> None:
    run = create_run("pipeline", "")
    create_run("sft", "", run.path / "stages" / "sft")
    with pytest.raises(UsageError, match="it has: sft"):
        find_run(f"{run.id}/evaluate")


def test_states_are_derived(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run("sft", "")
    assert run.state() == "starting"
    write_json(run.path / "proc.json", {})
    assert run.state() == "lost"
    lock = lock_exclusively(run)
    assert lock is not None
    run.add_event("started")
    assert run.state() == "running"
    an_hour_later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: an_hour_later)
    assert run.state() == "stalled"
    lock.close()
    write_json(run.path / "result.json", {"state": "cancelled"})
    assert run.state() == "cancelled"


def test_only_one_supervisor_can_hold_a_folder(runs: Path) -> None:
    run = create_run("sft", "")
    held = lock_exclusively(run)
    assert lock_exclusively(run, wait_s=0.1) is None
    assert held is not None
    held.close()


def test_a_half_written_folder_is_shown_as_what_it_is(runs: Path) -> None:
    folder = runs / "20260101-000000-sft-beef"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"id": "20260101-0000')
    (folder / "result.json").write_text("{")
    run = RunFolder(folder)
    assert (run.id, run.recipe, run.state(), run.progress()) == (folder.name, "?", "lost", None)


def test_a_run_dir_with_other_files_is_refused(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        create_run("sft", "", tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        create_run("sft", "", tmp_path / "x")
    assert (tmp_path / "x").read_text() == "mine"


def test_the_newest_progress_is_found_behind_other_metrics(runs: Path) -> None:
    run = create_run("sft", "")
    (run.path / "metrics.jsonl").write_text(
        '{"phase": "train", "done": 1, "total": 4, "eta_s": 75}\n{"step": 1, "loss": 2.0}\n{"phase": "tr'
    )
    assert describe_progress(run.progress()) == "training 1/4  25 % eta 1:15"
    assert describe_progress(Progress("download", 2.1e9, 14.5e9, None, "sft", {})) == (
        "sft fetching 2.1 GB/14.5 GB  14 %"
    )
    assert amount("download", math.inf, 10.0) == "inf/10"
    assert [clock(value) for value in (9.6, 75, 3723)] == ["0:10", "1:15", "1:02:03"]


def test_the_table_shows_interval_floor_and_paired_differences() -> None:
    def metric(mean: float | None, floor: float) -> Metric:
        interval = None if mean is None else (mean - 0.1, mean + 0.1)
        return Metric(mean=mean, ci95=interval, n=4, floor=floor, floor_note="", signature="")

    names = ("rouge_l", "bertscore_f1", "format_conformance")
    document = sample_results(4)
    document["systems"].pop("baseline")
    results = Results.model_validate({**document, "comparisons": document["comparisons"][:1]})
    results.systems["tuned"].metrics = {name: metric(0.5, 0.25) for name in names}
    results.systems["human"].metrics = {names[0]: metric(None, 0.2)}
    results.comparisons[0].difference, results.comparisons[0].ci95 = 0.25, (0.2, 0.3)
    assert results_table(results).splitlines()[1:] == [
        (
            "tuned     0.500 [0.400, 0.600] floor 0.250    0.500 [0.400, 0.600] floor 0.250    0.500 [0.400, 0.600]"
            " floor 0.250"
        ),
        "human     -     (floor 0.200)                 -                                   -",
        "tuned - baseline, rouge_l: +0.250 [+0.200, +0.300], n 4",
    ]
