"""A training as a job of a real Slurm (Debian's slurm-wlm) on this machine: submit, follow, stop, resume, refuse."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.e2e.slurm_cluster import cluster, why_not
from tests.unit.training.conftest import mistral_tokenizer, shared_dataset, tiny_model  # noqa: F401
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State

STEPTUNE = Path(sys.executable).with_name("steptune")


@pytest.fixture
def slurm() -> Iterator[dict[str, str]]:
    if reason := why_not():
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="steptune-slurm-") as folder, cluster(Path(folder)) as environment:
        yield {**environment, "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.long
def test_a_training_goes_through_slurm_and_back(
    slurm: dict[str, str],
    runs: Path,
    tiny_model: Path,  # noqa: F811
    shared_dataset: Path,  # noqa: F811
) -> None:
    def steptune(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(STEPTUNE), *arguments]
        return subprocess.run(command, env=slurm, capture_output=True, text=True, check=False, timeout=120)

    settings = (f"model={tiny_model}", f"data={shared_dataset}", "prompt_format=mistral_v0.2")
    submit = ("run", "sft", "--preset", "demo", "--on", "cpu", "--submit", "slurm")

    refused = steptune(*submit, "--slurm", "partition=nowhere", *settings)
    assert refused.returncode == 3
    assert "invalid partition specified: nowhere" in refused.stderr
    assert list(runs.glob("*")) == []

    later = json.loads(steptune(*submit, "--json", "--slurm", "begin=now+1hour", *settings).stdout)
    waiting = RunFolder(Path(later["run_dir"]))
    assert waiting.state() is State.QUEUED
    assert "pending, BeginTime" in steptune("queue").stdout
    assert steptune("stop", waiting.id).returncode == 0
    assert waiting.state() is State.CANCELLED
    assert waiting.id not in steptune("queue").stdout

    started = steptune(*submit, "--json", "--slurm", "comment=of a test", *settings, "max_steps=2000")
    run = RunFolder(Path(json.loads(started.stdout)["run_dir"]))
    wait_for(lambda: any(row.get("step") for row in run.metrics()) or run.result, 120)
    assert run.state() is State.RUNNING, run.log_file.read_text()
    assert steptune("stop", run.id).returncode == 0
    assert run.state() is State.CANCELLED
    saved = [event for event in run.events() if event.name == EventName.CHECKPOINT_SAVED]
    assert saved
    step = saved[-1].fields["step"]

    resumed = steptune("resume", run.id, f"max_steps={step + 3}", "--detach")
    assert resumed.returncode == 0, resumed.stderr
    wait_for(lambda: run.result, 120)
    assert run.state() is State.FINISHED, run.log_file.read_text()
    assert run.result is not None
    assert run.result.headline["steps"] == step + 3
    assert (run.output("adapter") or Path()).is_dir()
