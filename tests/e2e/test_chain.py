"""The whole chain on the embedded model, cut short: real NF4 training, merge, vLLM on CPU, evaluation, skipping,
resuming.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import wait_for
from tests.e2e.test_command_line import no_traceback, steptune
from tests.tiny_model import make_tiny_model
from toolkit.machine.processes import tagged_with
from toolkit.run_folder.folder import RunFolder

pytestmark = pytest.mark.slow
STEPTUNE = str(Path(sys.executable).with_name("steptune"))
SHORT = (
    "data.validation_share=0.03",
    "sft.max_steps=3",
    "sft.eval_steps=3",
    "sft.max_length=160",
    "generate.max_rows=4",
    "generate.max_new_tokens=12",
    "evaluate.bootstrap_samples=200",
)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished short pipeline in runs/."""
    folder = tmp_path_factory.mktemp("chain")
    done = steptune("run", "pipeline", "--preset", "demo", *SHORT, "--json", cwd=folder, timeout=900)
    (folder / "first.json").write_text(done.stdout)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_chain_ends_with_results_of_all_three_systems(chain: Path) -> None:
    document = json.loads((chain / "first.json").read_text())
    assert document["state"] == "finished"
    assert set(document["results"]["systems"]) == {"baseline", "tuned", "human"}
    for metric in ("rouge_l", "bertscore_f1", "format_conformance"):
        tuned = document["results"]["systems"]["tuned"]["metrics"][metric]
        assert set(tuned) >= {"mean", "ci95", "n", "floor", "signature"}
    report = Path(document["run_dir"]) / document["outputs"]["report"]["path"]
    assert {"results.json", "report.md", "report.html", "model_card.md"} <= {path.name for path in report.iterdir()}
    training = json.loads(
        (Path(document["run_dir"]) / document["outputs"]["adapter"]["path"] / "training.json").read_text()
    )
    assert training["base_model"] == "embedded:smollm2-135m-instruct"
    assert "Gemma Terms of Use" not in (report / "model_card.md").read_text()


def test_the_second_run_skips_every_stage(chain: Path) -> None:
    done = steptune("run", "pipeline", "--preset", "demo", *SHORT, "--json", cwd=chain)
    assert done.returncode == 0, done.stderr
    events = (Path(json.loads(done.stdout)["run_dir"]) / "events.jsonl").read_text()
    assert events.count('"stage_skipped"') == 5
    assert json.loads(done.stdout)["results"] == json.loads((chain / "first.json").read_text())["results"]


def test_a_changed_setting_runs_its_stage_and_what_follows(chain: Path) -> None:
    done = steptune(
        "run",
        "pipeline",
        "--preset",
        "demo",
        *SHORT[:-1],
        "evaluate.bootstrap_samples=300",
        "--json",
        cwd=chain,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    events = [
        json.loads(line)
        for line in (Path(json.loads(done.stdout)["run_dir"]) / "events.jsonl").read_text().splitlines()
    ]
    assert [row["stage"] for row in events if row["event"] == "stage_started"] == ["evaluate"]


@pytest.mark.long
def test_stop_during_generate_leaves_no_vllm_process_and_resume_finishes(chain: Path) -> None:
    dataset = Path(json.loads((chain / "first.json").read_text())["run_dir"]) / "stages" / "data-build" / "dataset"
    arguments = (
        "run",
        "generate",
        "--preset",
        "demo",
        f"data={dataset}",
        "max_rows=3",
        "max_new_tokens=400",
        "--run-dir",
        "generated",
        "--detach",
    )
    assert steptune(*arguments, cwd=chain).returncode == 0
    run = RunFolder(chain / "generated")
    wait_for(lambda: any(row.name == "engine_started" for row in run.events()), 240)
    mine = {process.pid for process in tagged_with(run.id)}
    stopped = steptune("stop", "generated", cwd=chain)
    assert (stopped.returncode, run.state()) == (0, "cancelled"), stopped.stderr
    assert tagged_with(run.id) == []
    assert not [pid for pid in mine if psutil.pid_exists(pid)]


def test_an_adapter_for_another_base_model_is_refused(chain: Path, tmp_path: Path) -> None:
    document = json.loads((chain / "first.json").read_text())
    adapter = Path(document["run_dir"]) / document["outputs"]["adapter"]["path"]
    other = tmp_path / "other"
    make_tiny_model(other)
    done = steptune(
        "run",
        "generate",
        "--preset",
        "demo",
        f"model={other}",
        f"adapter={adapter}",
        f"data={tmp_path_rows(tmp_path)}",
        cwd=chain,
    )
    assert done.returncode == 2, done.stderr
    assert "adapter" in done.stderr
    no_traceback(done)


def test_a_model_folder_without_weights_is_refused(chain: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = steptune(
        "run",
        "generate",
        "--preset",
        "demo",
        f"model={tmp_path / 'empty'}",
        f"data={tmp_path_rows(tmp_path)}",
        cwd=chain,
    )
    assert done.returncode == 2, done.stderr
    assert "has no config.json; expected a model folder" in done.stderr
    no_traceback(done)


def tmp_path_rows(tmp_path: Path) -> Path:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "How do I wait?", "output": "1. Sit.\\n2. Wait."}\n')
    return rows


@pytest.mark.long
def test_zero3_with_nf4_on_two_processes(chain: Path) -> None:
    done = steptune(
        "run",
        "sft",
        "--on",
        "cpu_2proc_zero3",
        "--preset",
        "demo",
        "max_steps=2",
        "eval_steps=2",
        "max_length=160",
        "validation_share=0.03",
        "--json",
        cwd=chain,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["headline"]["steps"] == 2
    assert (Path(document["run_dir"]) / "adapter" / "adapter_model.safetensors").exists()


@pytest.mark.long
def test_kill_9_of_the_trainer_is_failed_with_its_signal_and_resume_continues(chain: Path) -> None:
    arguments = (
        "run",
        "sft",
        "--preset",
        "demo",
        "max_steps=4",
        "eval_steps=2",
        "max_length=160",
        "validation_share=0.03",
        "--run-dir",
        "killed",
        "--detach",
    )
    assert steptune(*arguments, cwd=chain).returncode == 0
    run = RunFolder(chain / "killed")
    wait_for(lambda: any(row.name == "checkpoint_saved" for row in run.events()), 240)
    trainer = next(row.fields["pid"] for row in run.events() if row.name == "started")
    os.kill(trainer, signal.SIGKILL)
    wait_for(lambda: run.result is not None, 60)
    assert (run.state(), run.result.signal) == ("failed", "SIGKILL")  # type: ignore[union-attr]
    listed = json.loads(steptune("runs", "--json", cwd=chain, STEPTUNE_RUNS=str(chain)).stdout)
    assert next(row for row in listed if row["id"] == run.id)["signal"] == "SIGKILL"
    done = steptune("resume", "killed", "--json", cwd=chain, timeout=300)
    assert done.returncode == 0, done.stderr
    assert any(row.name == "resumed" and row.fields.get("step") for row in run.events())
    assert json.loads(done.stdout)["headline"]["steps"] == 4


@pytest.mark.long
def test_kill_9_of_the_viewer_during_sft_leaves_the_training_going(chain: Path) -> None:
    viewer = subprocess.Popen(
        [
            STEPTUNE,
            "run",
            "sft",
            "--preset",
            "demo",
            "max_steps=2",
            "max_length=160",
            "validation_share=0.03",
            "--run-dir",
            "seen",
        ],
        cwd=chain,
        stderr=subprocess.DEVNULL,
    )
    run = RunFolder(chain / "seen")
    wait_for(lambda: any(row.name == "started" for row in run.events()), 120)
    viewer.send_signal(signal.SIGKILL)
    viewer.wait()
    wait_for(lambda: run.result is not None, 240)
    assert run.state() == "finished"
