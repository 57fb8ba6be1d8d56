"""Resuming with changed options: what may change, what is written, and that a pipeline's training goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit import cli, config
from toolkit.errors import ConfigError, UsageError
from toolkit.planning.plan import plan_launch
from toolkit.records import write_json, write_text
from toolkit.run_folder.create import create_run
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import launch, pipeline
from toolkit.runs.change import changed_plan
from toolkit.runs.pipeline import Pipeline, Stage, stage_key, start_key
from toolkit.runs.recorder import Recorder

OUT_OF_MEMORY = {"state": "out of memory", "exit_code": 1, "kind": "out_of_memory", "message": "Out of memory."}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_text(tmp_path / "data" / "train.jsonl", '{"prompt": "p", "output": "1. a"}\n')
    return tmp_path / "data"


@pytest.fixture
def ended(runs: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A training of 4 x 4 rows a step that ran out of memory; its supervisor is not really started."""
    monkeypatch.setattr(launch, "start_supervisor", lambda run: None)
    monkeypatch.setattr(launch, "wait_until_started", lambda _run: True)
    overrides = [f"data={data}", "per_device_train_batch_size=4", "gradient_accumulation_steps=4"]
    settings = config.resolve("sft", "demo", overrides=overrides)
    run = create_run("sft", config.dump(settings))
    write_json(run.command_file, {"argv": [], "cwd": "/", "environment": {}, "on": "cpu"})
    write_json(run.result_file, OUT_OF_MEMORY)
    return run


def test_a_training_goes_on_with_the_change_and_the_run_says_what_it_was(ended: RunFolder) -> None:
    launch.resume(
        ended,
        changed_plan(ended, ["per_device_train_batch_size=2", "gradient_accumulation_steps=8", "learning_rate=1e-5"]),
    )
    resumed = ended.events()[-1]
    assert (resumed.name, resumed.fields["changed"]) == (
        "resumed",
        {
            "learning_rate": [0.001, 1e-05],
            "per_device_train_batch_size": [4, 2],
            "gradient_accumulation_steps": [4, 8],
        },
    )
    settings = config.resolve("sft", config_file=ended.config_file)
    assert settings.training is not None
    assert settings.training.rows_per_device == 2


@pytest.mark.parametrize(
    ("overrides", "error", "said"),
    [
        (
            ["lora_r=4"],
            UsageError,
            r"lora_r cannot change in the middle of .*Start a new run with `steptune run sft -c",
        ),
        (["optim=paged_adamw_8bit"], UsageError, "optim cannot change"),
        (["per_device_train_batch_size=2"], UsageError, "has 16 rows in each process, and would have 8"),
        (["gradient_chekpointing=true"], ConfigError, "gradient_checkpointing"),
    ],
)
def test_what_the_steps_so_far_were_trained_on_cannot_change(
    ended: RunFolder, overrides: list[str], error: type[Exception], said: str
) -> None:
    before = ended.config_file.read_text()
    with pytest.raises(error, match=said):
        changed_plan(ended, overrides)
    assert ended.config_file.read_text() == before


def test_the_command_takes_changes_and_refuses_what_cannot_change(
    ended: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["resume", ended.id, "lora_r=4"]) == 2
    assert "lora_r cannot change" in capsys.readouterr().err


def test_a_config_that_was_edited_is_shown_with_what_changed_and_recorded(
    ended: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    _edit(ended, "learning_rate: 0.001", "learning_rate: 0.0005")
    cli.main(["resume", ended.id, "--detach"])  # its supervisor is not really started
    said = "config.yaml was edited: learning_rate was 0.001, is 0.0005 from here on (recorded in events.jsonl)"
    assert said in capsys.readouterr().err
    assert ended.events()[-1].fields["changed"] == {"learning_rate": [0.001, 0.0005]}


def test_an_edit_that_cannot_take_effect_in_the_middle_is_refused(
    ended: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    _edit(ended, "lora_r: 16", "lora_r: 4")
    assert cli.main(["resume", ended.id, "--detach"]) == 2
    assert "lora_r cannot change" in capsys.readouterr().err
    assert [event.name for event in ended.events()] != ["resumed"]


def _edit(run: RunFolder, before: str, now: str) -> None:
    text = run.config_file.read_text()
    assert before in text
    write_text(run.config_file, text.replace(before, now))


def test_a_pipelines_training_goes_on_from_its_checkpoint_under_a_change_that_allows_it(
    runs: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        launch, "start_supervisor", lambda run: started.append((run.path.name, (run.path / "mark").exists()))
    )
    settings = config.resolve("pipeline", "demo")
    parent = Pipeline(settings, create_run("pipeline", config.dump(settings)).path, "cpu", Recorder(None))  # type: ignore[arg-type]

    def begin(**changes: object) -> RunFolder:
        values = [f"{name}={value}" for name, value in {"data": data, **changes}.items()]
        stage = Stage("sft", config.resolve("sft", "demo", overrides=values))
        plan = plan_launch(stage.settings, "cpu")
        assert start_key(stage, plan) != stage_key(stage, None)
        return parent._start_or_resume(stage, plan, stage_key(stage, pipeline._accelerate_path(plan)))

    run = begin()
    write_text(run.path / "mark", "a checkpoint")
    write_json(run.result_file, OUT_OF_MEMORY)
    begin(gradient_checkpointing="true")
    assert started == [("sft", False), ("sft", True)]
    resumed = config.resolve("sft", config_file=run.config_file)
    assert resumed.training is not None
    assert resumed.training.checkpointing
    write_json(run.result_file, OUT_OF_MEMORY)
    begin(gradient_checkpointing="true", lora_r=4)
    assert started[-1] == ("sft", False)  # another adapter: from the start, beside the old one
    assert [path.name[:10] for path in sorted(run.path.parent.iterdir())] == ["sft", "sft.before"]
