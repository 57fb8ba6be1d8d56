"""Checkpoints on request: what a viewer asks, what the training answers, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import wait_for
from toolkit.cli import main
from toolkit.errors import UsageError
from toolkit.records import write_json
from toolkit.run_folder.create import create_run
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import launch
from toolkit.runs.checkpoint_request import ask_for_checkpoint

# Answers one request as sft does, then waits to be stopped.
ANSWERS = """
import os, time
from pathlib import Path
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.recorder import Recorder
recorder = Recorder(Path(RUN_DIR))
recorder.event("started", pid=os.getpid())
request = RunFolder(Path(RUN_DIR)).checkpoint_request_file
while not request.exists():
    time.sleep(0.05)
recorder.event("checkpoint_saved", step=7, path="checkpoints/checkpoint-7", asked=True)
request.unlink()
recorder.event("ended", kind="finished", outputs={}, headline={}, exit_code=0)
"""


def test_command_waits_for_the_checkpoint_that_it_asked_for(
    make_run: Callable[..., RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(ANSWERS)
    run.add_event("checkpoint_saved", step=3, path="checkpoints/checkpoint-3", asked=True)  # an earlier answer
    launch.start_supervisor(run)
    wait_for(lambda: launch.has_started(run))
    assert main(["checkpoint", run.id]) == 0
    assert capsys.readouterr().out == f"{run.id} saved step 7 in {run.path / 'checkpoints' / 'checkpoint-7'}\n"
    assert not run.checkpoint_request_file.exists()


def test_run_that_ends_without_saving_is_told(
    make_run: Callable[..., RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(ANSWERS.split('recorder.event("checkpoint_saved"')[0])
    launch.start_supervisor(run)
    wait_for(lambda: launch.has_started(run))
    assert main(["checkpoint", run.id]) == 1
    assert f"The run {run.id} failed before it saved the checkpoint" in capsys.readouterr().err


def test_only_a_running_sft_run_is_asked(runs: Path) -> None:
    other, ended, pipeline = create_run("generate", ""), create_run("sft", ""), create_run("pipeline", "")
    write_json(ended.path / "result.json", {"state": "finished"})
    with pytest.raises(UsageError, match="only sft writes checkpoints"):
        ask_for_checkpoint(other)
    with pytest.raises(UsageError, match=f"its training is {pipeline.id}/sft"):
        ask_for_checkpoint(pipeline)
    with pytest.raises(UsageError, match="is finished; a checkpoint can be asked for while it runs"):
        ask_for_checkpoint(ended)
    assert not list(runs.glob("*/checkpoint.request"))
