"""The recipe as users start it: two processes on CPU agree with one, and a stop leaves a run that can go on."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from toolkit.catalog import accelerate_config_path, find_recipe
from toolkit.planning.plan import accelerate_launch
from toolkit.records import JSON, read_growing_jsonl, read_json
from toolkit.settings import SftSettings

CPU_ENVIRONMENT = {
    "ACCELERATE_USE_CPU": "true",
    "DS_ACCELERATOR": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}


def start(on: str, run_dir: Path, **options: object) -> subprocess.Popen:
    """Start the recipe in its own process group; options are those of the first start."""
    if options:
        shared = {
            "prompt_format": "mistral_v0.2",
            "learning_rate": 5e-3,
            "warmup_ratio": 0.0,
            "lora_dropout": 0.0,
            "per_device_train_batch_size": 2,
        }
        settings = SftSettings.model_validate(
            {**shared, "optim": "adamw_torch", "gradient_checkpointing": False, **options}
        )
        run_dir.mkdir()
        (run_dir / "config.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    script = str(find_recipe("sft").script)
    command = [
        *accelerate_launch(),
        "--config_file",
        str(accelerate_config_path(on)),
        script,
        "--run-dir",
        str(run_dir),
    ]
    with (run_dir / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command, env={**os.environ, **CPU_ENVIRONMENT}, stdout=log, stderr=log, start_new_session=True
        )


def finish(process: subprocess.Popen, run_dir: Path) -> list[JSON]:
    """Wait for success and return the metrics by step."""
    assert process.wait(timeout=300) == 0, (run_dir / "log.txt").read_text()[-4000:]
    return steps(run_dir)


def steps(run_dir: Path) -> list[JSON]:
    return [row for row in read_growing_jsonl(run_dir / "metrics.jsonl") if "step" in row]


def numbers(metrics: list[JSON], name: str) -> list[float]:
    return [row[name] for row in metrics if name in row]


@pytest.fixture(scope="module")
def one_process(tiny_model: Path, shared_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> list[JSON]:
    run_dir = tmp_path_factory.mktemp("one") / "run"
    return finish(
        start(
            "cpu", run_dir, model=str(tiny_model), data=str(shared_dataset), max_steps=3, gradient_accumulation_steps=2
        ),
        run_dir,
    )


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("on", "deepspeed_shards"),
    [("cpu_2proc_ddp", 0), ("cpu_2proc_zero2", 1), ("cpu_2proc_zero3", 1), ("cpu_2proc_fsdp", 0)],
)
def test_two_processes_agree_with_one(
    tiny_model: Path, shared_dataset: Path, tmp_path: Path, one_process: list[JSON], on: str, deepspeed_shards: int
) -> None:
    run_dir = tmp_path / "run"
    two = finish(
        start(on, run_dir, model=str(tiny_model), data=str(shared_dataset), max_steps=3, gradient_accumulation_steps=1),
        run_dir,
    )
    for name in ("loss", "eval_loss", "grad_norm"):
        assert numbers(two, name) == pytest.approx(numbers(one_process, name), rel=1e-5)
    training = read_json(run_dir / "adapter" / "training.json")
    assert (training["steps"], training["best_step"]) == (3, 3)
    shards = list(run_dir.glob("checkpoints/checkpoint-3/*/*rank_1*optim_states.pt"))
    assert len(shards) == deepspeed_shards  # of the second process: a DeepSpeed run is not quietly DDP


@pytest.mark.slow
@pytest.mark.long
def test_sigterm_saves_and_a_second_start_goes_on(tiny_model: Path, shared_dataset: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    process = start(
        "cpu",
        run_dir,
        model=str(tiny_model),
        data=str(shared_dataset),
        max_steps=400,
        eval_steps=400,
        gradient_accumulation_steps=1,
        early_stopping_patience=None,
    )
    wait_for(lambda: numbers(steps(run_dir), "loss"))
    os.killpg(process.pid, signal.SIGTERM)
    wait_for(lambda: [row for row in read_growing_jsonl(run_dir / "events.jsonl") if row["event"] == "ended"])
    saved, ended = read_growing_jsonl(run_dir / "events.jsonl")[-2:]
    assert (saved["event"], ended["kind"], ended["exit_code"]) == ("checkpoint_saved", "cancelled", 130)
    assert f"Stopped at step {saved['step']} of 400" in ended["message"]
    assert not (run_dir / "adapter").exists()

    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    (run_dir / "config.yaml").write_text(yaml.safe_dump({**config, "max_steps": saved["step"] + 1}))
    finish(start("cpu", run_dir), run_dir)
    assert ("resumed", saved["step"]) in [
        (row["event"], row.get("step")) for row in read_growing_jsonl(run_dir / "events.jsonl")
    ]
    assert read_json(run_dir / "adapter" / "training.json")["steps"] == saved["step"] + 1


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.2)
