"""Runs as jobs of Slurm, with programs in place of Slurm's: what is submitted, how it is stopped, resumed and lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import wait_for
from toolkit.cli import main
from toolkit.errors import UsageError
from toolkit.machine.processes import RUN_ID_VARIABLE
from toolkit.records import read_json, write_json
from toolkit.run_folder.find import list_runs
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.states import State
from toolkit.runs import slurm
from toolkit.runs.advance import advance
from toolkit.runs.stop import ask_to_stop


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with sbatch, squeue and scancel, which note what they were called with."""
    folder = tmp_path / "bin"
    folder.mkdir()
    answers = {"sbatch": "42;cluster", "squeue": "42|PENDING|Resources", "scancel": ""}
    for name, answer in answers.items():
        (folder / name).write_text(f"#!/bin/sh\necho {name} \"$@\" >> {folder}/called\necho '{answer}'\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def submit(*more: str) -> int:
    return main(["run", "sft", "--preset", "demo", "--on", "cpu", "--submit", "slurm", *more])


def test_a_run_is_submitted_with_the_options_and_waits(
    fake: Path, runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert submit("--slurm", "partition=gpu", "--slurm", "exclusive", "lora_r=4") == 0
    (run,) = list_runs(runs)
    assert "Slurm's job 42" in capsys.readouterr().out
    assert run.state() is State.QUEUED
    script = run.job_script_file.read_text()
    for line in (f"--job-name={run.id}", "--partition=gpu", "--exclusive", "--signal=B:TERM@60", "--no-requeue"):
        assert f"#SBATCH {line}\n" in script
    assert subprocess.run(["sh", "-n", str(run.job_script_file)], check=False).returncode == 0
    assert "CUDA_VISIBLE_DEVICES" not in (read_json(run.command_file) or {})["environment"]
    assert "lora_r: 4" in run.config_file.read_text()
    queue = QueueFolder(runs)
    with queue.locked():
        queue.write_order()
    assert advance(queue) == []  # it is Slurm's
    assert main(["queue"]) == 0
    assert "Slurm's job 42: pending, Resources" in capsys.readouterr().out


def test_a_gpu_is_asked_for_unless_the_options_do(fake: Path, runs: Path) -> None:
    assert main(["run", "pipeline", "--preset", "demo", "--submit", "slurm"]) == 0
    assert main(["run", "pipeline", "--preset", "demo", "--submit", "slurm", "--slurm", "gpus=h100:1"]) == 0
    second, first = (run.job_script_file.read_text() for run in list_runs(runs))
    scripts = {("--gres=gpu:1" in text, "--gpus=h100:1" in text) for text in (first, second)}
    assert scripts == {(True, False), (False, True)}


def test_a_job_that_waits_is_stopped_and_submitted_again(fake: Path, runs: Path) -> None:
    assert submit() == 0
    (run,) = list_runs(runs)
    ask_to_stop(run)
    assert run.state() is State.CANCELLED
    assert f"scancel --name={run.id}" in (fake / "called").read_text()
    assert main(["resume", run.id, "--detach"]) == 0  # at once, for the job may wait for hours
    assert run.state() is State.QUEUED
    assert (fake / "called").read_text().count("sbatch") == 2
    assert (read_json(run.command_file) or {})["argv"][3:] == ["toolkit.runs.take_up", str(run.path)]


def test_the_script_runs_the_supervisor_which_hears_the_jobs_signal(fake: Path, runs: Path, tmp_path: Path) -> None:
    assert submit() == 0
    (run,) = list_runs(runs)
    row = read_json(run.command_file) or {}
    program = tmp_path / "recipe.py"
    program.write_text("import time\ntime.sleep(60)\n")
    write_json(
        run.command_file,
        {**row, "argv": ["/usr/bin/env", "python3", str(program)], "environment": {RUN_ID_VARIABLE: run.id}},
    )
    job = subprocess.Popen(["sh", str(run.job_script_file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: run.processes.child)
    assert run.state() is State.RUNNING
    ask_to_stop(run)
    assert f"scancel --batch --signal=TERM --name={run.id}" in (fake / "called").read_text()
    job.terminate()  # what scancel does
    assert job.wait(30) == 130
    assert run.state() is State.CANCELLED
    again = subprocess.run(["sh", str(run.job_script_file)], check=False, timeout=30)
    assert again.returncode == 0  # a job that Slurm starts again starts nothing
    assert run.state() is State.CANCELLED


def test_a_job_that_slurm_does_not_know_any_more_is_lost(
    fake: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit() == 0
    (run,) = list_runs(runs)
    (fake / "squeue").write_text("#!/bin/sh\n")
    assert main(["queue"]) == 0
    assert "Slurm does not know its job any more" in capsys.readouterr().out
    write_json(run.info_file, {**run.info.to_json(), "created_unix": 0})
    assert run.state() is State.LOST


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("#!/bin/sh\necho 'sbatch: error: invalid partition specified: gpuu' >&2; exit 1\n", "invalid partition"),
        (None, "sbatch is not found"),
        ("#!/bin/sh\nsleep 30\n", "sbatch did not answer within 0 s"),
    ],
)
def test_an_sbatch_that_fails_leaves_no_run_and_says_what_it_said(
    fake: Path,
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    program: str | None,
    message: str,
) -> None:
    if program is None:
        (fake / "sbatch").unlink()
        monkeypatch.setenv("PATH", str(fake))  # this machine may have one
    else:
        (fake / "sbatch").write_text(program)
        monkeypatch.setattr(slurm, "TIMEOUT_S", 0.3 if "sleep" in program else 60.0)
    assert submit() == 3
    assert message in capsys.readouterr().err
    assert list_runs(runs) == []


def test_options_that_sbatch_cannot_have_or_that_steptune_sets_are_refused() -> None:
    assert slurm.parse_options(["--time=08:00:00", "exclusive"]) == {"time": "08:00:00", "exclusive": ""}
    for bad in ("x y=1", "=1", "time=1\n2"):
        with pytest.raises(UsageError, match="expected an option of sbatch"):
            slurm.parse_options([bad])
    with pytest.raises(UsageError, match="steptune sets output itself"):
        slurm.parse_options(["output=x"])


def test_values_of_the_script_are_quoted(tmp_path: Path) -> None:
    text = slurm.script(RunFolder(tmp_path / "a b"), "t", "/tmp/c d", {"comment": "it's"})
    assert f"'{tmp_path}/a b'" in text
    assert "--chdir='/tmp/c d'" in text
