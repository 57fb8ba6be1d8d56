"""Sweeps: what is queued, the table with its verdict, and the rule that ends early losers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.queue_case import put
from toolkit.cli import main
from toolkit.errors import DiskFullError, UsageError
from toolkit.planning import preflight
from toolkit.records import append_jsonl, write_json
from toolkit.run_folder.create import create_run
from toolkit.run_folder.documents import Result
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.states import State
from toolkit.run_folder.sweep_folder import Child, SweepDocument, SweepFolder, find_sweep, list_sweeps
from toolkit.runs import advance as advancing
from toolkit.runs import enqueue, stop_rule
from toolkit.runs.sweep import SweepOrder, parse_axes, plan
from toolkit.runs.sweep_table import sweep_table


@pytest.fixture
def nobody_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enqueue, "advance_locked", lambda _queue: [])
    monkeypatch.setattr(preflight, "check_launch", lambda *_: [])


def sweep_sft(*more: str) -> int:
    return main(["run", "sft", "--preset", "demo", "--on", "cpu", *more])


def test_every_combination_with_every_seed_is_queued_the_first_seed_first(
    runs: Path, nobody_starts: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep_sft("--sweep", "lora_r=4,8", "--sweep", "learning_rate=1e-4,2e-4", "--seeds", "2", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    (sweep,) = list_sweeps(runs)
    assert document["id"] == sweep.path.name
    children = sweep.document.children
    assert [child.seed for child in children] == [17] * 4 + [18] * 4
    assert children[1].label == "lora_r=4 learning_rate=2e-4"
    waiting = QueueFolder(runs).waiting()
    assert [run.path.name for run in waiting] == [child.run for child in children]
    assert {run.info.parent for run in waiting} == {sweep.path.name}
    text = waiting[7].config_file.read_text()
    assert "lora_r: 8" in text
    assert "seed: 18" in text
    assert find_sweep("latest") == sweep
    assert main(["sweep"]) == 0
    assert "0 of 8 finished" in capsys.readouterr().out


def test_the_seeds_of_a_pipeline_are_those_of_its_training(runs: Path, nobody_starts: None) -> None:
    assert main(["run", "pipeline", "--preset", "demo", "--on", "cpu", "--seeds", "2"]) == 0
    first, second = (run.config_file.read_text() for run in QueueFolder(runs).waiting())
    changed = [(a, b) for a, b in zip(first.splitlines(), second.splitlines(), strict=True) if a != b]
    assert changed == [("  seed: 17", "  seed: 18")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sweep", "lora_rr=4,8"), "lora_rr: unknown option; did you mean lora_r?"),
        (("--sweep", "lora_r=4,x"), "lora_r: found 'x'"),
        (("--sweep", "lora_r=4,4"), "comes twice"),
        (("--sweep", "lora_r"), "expected KEY=VALUE,VALUE"),
        (("--sweep", "seed=1,2", "--seeds", "2"), "both set the seed"),
        (("--sweep", "lora_r=4,8", "--seeds", "101"), "makes 202 runs, more than 200; give --yes"),
        (("--sweep", "lora_r=4,8", "--run-dir", "x"), "leave --run-dir and --detach out"),
        (("--stop-after", "0.3"), "--stop-after belongs to --sweep"),
    ],
)
def test_what_cannot_be_swept_queues_nothing(
    runs: Path, nobody_starts: None, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert sweep_sft(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not runs.exists() or list(runs.iterdir()) == []


def test_a_full_disk_leaves_no_part_of_a_sweep(
    runs: Path, nobody_starts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, count = enqueue.write_json, []

    def full(path: Path, value: object) -> None:
        count.append(path)
        if len(count) == 3:
            raise DiskFullError("full")
        written(path, value)

    monkeypatch.setattr(enqueue, "write_json", full)
    assert sweep_sft("--sweep", "lora_r=4,8,16,32") == 1
    assert [path.name for path in runs.iterdir()] == ["queue"]


def test_commas_in_brackets_belong_to_a_value() -> None:
    assert parse_axes(["a=[1,2],[3]", "b='x,y',z"]) == {"a": ["[1,2]", "[3]"], "b": ["'x,y'", "z"]}


def finished(root: Path, name: str, **headline: float) -> RunFolder:
    run = create_run("sft", "", root / name)
    write_json(run.result_file, Result(State.FINISHED, 0, headline=headline).to_json())
    return run


def made(root: Path, losses: dict[str, list[float | None]], stop_after: float | None = None) -> SweepFolder:
    """A sweep over lora_r with the validation loss of each seed; None has not finished."""
    sweep, children = SweepFolder(root / "s"), []
    for setting, values in losses.items():
        for seed, loss in enumerate(values):
            child = Child(f"r{setting}-{seed}", {"lora_r": setting}, seed)
            if loss is not None:
                finished(root, child.run, eval_loss=loss, train_loss=1 / loss)
            children.append(child)
    sweep.write(SweepDocument("s", "sft", tuple(children), stop_after))
    return sweep


def test_the_table_has_mean_and_spread_and_the_best_complete_setting_first(runs: Path) -> None:
    sweep = made(runs, {"4": [2.0, 2.2, 2.1], "8": [1.5, 1.6, 1.7], "16": [1.0, None, None]})
    table = sweep_table(sweep)
    assert [row.label for row in table.rows] == ["lora_r=8", "lora_r=4", "lora_r=16"]
    assert table.best is table.rows[0]
    assert table.rows[0].mean == pytest.approx(1.6)
    assert table.rows[0].spread == pytest.approx(0.1)
    # By hand: pooled sd 0.1 of 4 degrees, t(0.975) = 2.776, 0.1 * sqrt(2/3) * 2.776 = 0.2267.
    assert table.verdict() == (
        "lora_r=8 is best, before lora_r=4 by 0.5 (95 % interval over the seeds 0.2733 to 0.7267): more than the seeds"
        " differ."
    )
    assert sweep_table(sweep, "train_loss").best is not None


def test_the_runs_of_a_sweep_are_found_by_it(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training(runs, "a", 1.0, sweep="20261130-215355-sweep-412b")
    training(runs, "b", 1.0, sweep="20261130-215355-sweep-ffff")
    assert main(["runs", "sweep=412b", "--json"]) == 0
    assert [Path(row["run_dir"]).name for row in json.loads(capsys.readouterr().out)] == ["a"]


def test_a_difference_within_the_seeds_is_called_luck_and_one_seed_says_nothing(runs: Path) -> None:
    assert "no more than luck" in sweep_table(made(runs / "a", {"4": [2.0, 2.2], "8": [2.05, 2.1]})).verdict()
    assert "with one seed each nothing says" in sweep_table(made(runs / "b", {"4": [2.0], "8": [1.0]})).verdict()


def test_the_table_of_a_sweep_by_a_number_that_is_higher_the_better(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = SweepFolder(runs / "s")
    children = (Child("a", {"sft.lora_r": "4"}, 1), Child("b", {"sft.lora_r": "8"}, 1))
    finished(runs, "a", rouge_l=0.4)
    finished(runs, "b", rouge_l=0.5)
    sweep.write(SweepDocument("s", "pipeline", children))
    assert [row.label for row in sweep_table(sweep).rows] == ["sft.lora_r=8", "sft.lora_r=4"]
    assert main(["sweep", "s"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["rouge_l", "seed", "1", "mean", "spread"]
    assert lines[1].split() == ["*", "sft.lora_r=8", "0.5", "0.5", "-"]
    assert main(["sweep", "s", "--metric", "bleu"]) == 2


# The rule -------------------------------------------------------------------------------------------------------


def training(root: Path, name: str, loss: float, sweep: str = "s") -> RunFolder:
    run = create_run("sft", "seed: 1\n", root / name, parent=sweep)
    for step, value in ((0, 9.0), (10, 8.0), (30, loss), (60, 0.1)):
        append_jsonl(run.metrics_file, {"step": step, "total_steps": 100, "eval_loss": float(value)})
    return run


def test_a_run_above_the_median_of_the_others_is_ended_once_there_are_three(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = {"a": 2.0, "b": 2.2, "c": 2.4, "d": 2.3}
    children = tuple(Child(name, {"x": name}, 1) for name in losses)
    SweepFolder(runs / "s").write(SweepDocument("s", "sft", children, stop_after=0.3))
    found = {}
    for name, loss in losses.items():
        run = training(runs, name, loss)
        rule = stop_rule.StopRule.of(run)
        assert rule is not None
        found[name] = rule.why_to_stop()
    assert [name for name, why in found.items() if why] == ["d"]
    assert found["d"] == (
        "Ended by the rule of its sweep: after 30% of its steps its validation loss was 2.3000, the median of 3 other"
        " runs there 2.2000."
    )
    assert stop_rule.StopRule.of(create_run("sft", "", runs / "alone")) is None
    assert main(["sweep", "s"]) == 0
    assert "first validation loss after 30% of its steps is above the median" in capsys.readouterr().out


def test_the_supervisor_ends_a_loser_and_resume_goes_on_with_it(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = QueueFolder(runs)
    children = tuple(Child(name, {"x": name}, 1) for name in ("a", "b", "c", "loser"))
    SweepFolder(runs / "s").write(SweepDocument("s", "sft", children, stop_after=0.3))
    for name, loss in (("a", 1.0), ("b", 1.1), ("c", 1.2)):
        write_json(training(runs, name, loss).result_file, Result(State.FINISHED, 0).to_json())
    loser = put(queue, "loser", seconds=60)
    write_json(loser.info_file, {**loser.info.to_json(), "parent": "s"})
    append_jsonl(loser.metrics_file, {"step": 40, "total_steps": 100, "eval_loss": 5.0})
    advancing.advance(queue)
    wait_for(lambda: loser.state().is_ended)
    assert loser.state() is State.CANCELLED
    assert "median of 3 other runs there 1.1000. `steptune resume" in (loser.result or Result(State.LOST, 1)).message
    rule = stop_rule.StopRule.of(loser)
    assert rule is not None
    assert rule.why_to_stop() == ""


def test_stop_after_needs_a_training(runs: Path) -> None:
    with pytest.raises(UsageError, match="data-build has none; sft and pipeline do"):
        plan(SweepOrder("data-build", "demo", None, (), {}, 2, 0.3))
