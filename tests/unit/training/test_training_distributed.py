"""Two processes on CPU, started as users start them: DDP, ZeRO-2 and ZeRO-3 with NF4 agree with each other and with one process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from toolkit.catalog import accelerate_config_path, find_recipe
from toolkit.records import read_growing_jsonl, read_json
from toolkit.settings import SftSettings

CPU_ENVIRONMENT = {"ACCELERATE_USE_CPU": "true", "DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def launch(on: str, run_dir: Path, **options: object) -> list[dict[str, float]]:
    """Run the recipe and return its metrics by step."""
    settings = SftSettings.model_validate({"optim": "adamw_torch", "gradient_checkpointing": False, "lora_dropout": 0.0, "warmup_ratio": 0.0, **options})
    run_dir.mkdir()
    (run_dir / "config.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(accelerate_config_path(on)), str(find_recipe("sft").script)]
    done = subprocess.run([*command, "--run-dir", str(run_dir)], env={**os.environ, **CPU_ENVIRONMENT}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-9000:]
    assert (run_dir / "adapter" / "adapter_model.safetensors").exists()
    return [row for row in read_growing_jsonl(run_dir / "metrics.jsonl") if "step" in row]


def numbers(metrics: list[dict[str, float]], name: str) -> list[float]:
    return [row[name] for row in metrics if name in row]


@pytest.mark.slow
@pytest.mark.parametrize("on", ["cpu_2proc_ddp", "cpu_2proc_zero2", "cpu_2proc_zero3"])
def test_two_processes_agree_with_one(tiny_model: Path, dataset: Path, tmp_path: Path, on: str) -> None:
    shared = {"model": str(tiny_model), "data": str(dataset), "prompt_format": "mistral_v0.2", "learning_rate": 5e-3, "max_steps": 3, "per_device_train_batch_size": 2}
    two = launch(on, tmp_path / "two", **shared, gradient_accumulation_steps=1)
    one = launch("cpu", tmp_path / "one", **shared, gradient_accumulation_steps=2)
    assert numbers(two, "loss") == pytest.approx(numbers(one, "loss"), abs=2e-5)
    assert numbers(two, "eval_loss") == pytest.approx(numbers(one, "eval_loss"), abs=2e-5)
    assert numbers(two, "grad_norm") == pytest.approx(numbers(one, "grad_norm"), rel=1e-3)
    assert read_json(tmp_path / "two" / "adapter" / "training.json")["steps"] == 3
