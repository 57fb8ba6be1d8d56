"""Accelerate configs: what is read from the file, whatever its name is, and how a file that is none is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from accelerate.utils import DistributedType as AcceleratesTypes

from toolkit import bundled, config
from toolkit.errors import UsageError
from toolkit.machine.gpus import Gpus
from toolkit.planning import accelerate_config, preflight
from toolkit.planning.accelerate_config import DistributedType, read_accelerate_config
from toolkit.planning.plan import plan_launch


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerate_config, "my_gpus", lambda visible=None: Gpus())


def written(folder: Path, name: str = "laptop.yaml", **values: object) -> str:
    path = folder / name
    path.write_text(yaml.safe_dump({"compute_environment": "LOCAL_MACHINE", **values}))
    return str(path)


def test_a_cpu_is_told_by_the_file_and_not_by_its_name(tmp_path: Path) -> None:
    laptop = written(tmp_path, distributed_type="NO", use_cpu=True, num_processes=1)
    planned = plan_launch(config.resolve("sft", "demo"), laptop)
    assert [check for check in preflight.check_launch(planned, tmp_path) if check.level == "refused"] == []
    assert planned.environment["ACCELERATE_USE_CPU"] == "true"
    assert planned.environment["STEPTUNE_ON"] == laptop
    card = written(tmp_path, "cpu_and_card.yaml", distributed_type="NO", use_cpu=False, num_processes=1)
    with pytest.raises(preflight.PreflightError, match="needs 1 NVIDIA GPU"):
        preflight.require(preflight.check_launch(plan_launch(config.resolve("sft", "demo"), card), tmp_path))


@pytest.mark.parametrize("recipe", ["generate", "pipeline"])
def test_recipes_without_accelerate_need_a_card_where_the_config_has_one(recipe: str, tmp_path: Path) -> None:
    overrides = [f"data={tmp_path}"] if recipe == "generate" else []
    settings = config.resolve(recipe, "demo", overrides=overrides)
    card = written(tmp_path, "card.yaml", distributed_type="NO", num_processes=1)
    for on, cards in ((card, "1"), ("cpu_2proc_ddp", None), ("multi_gpu", "1" if recipe == "generate" else "2")):
        found = preflight.check_launch(plan_launch(settings, on), tmp_path)
        messages = [check.message for check in found if check.name == "GPU" and check.level == "refused"]
        assert [message.split()[3] for message in messages] == ([cards] if cards else [])


def test_two_cpu_processes_as_accelerate_config_writes_them_are_two(tmp_path: Path) -> None:
    two = written(tmp_path, distributed_type="MULTI_CPU", use_cpu=True, num_processes=2, num_machines=1)
    assert plan_launch(config.resolve("sft", "demo"), two).accelerate_args == ("--multi_gpu",)
    by_mpi = written(tmp_path, distributed_type="MULTI_CPU", num_processes=2, mpirun_config={"mpirun_ccl": "1"})
    assert plan_launch(config.resolve("sft", "demo"), by_mpi).accelerate_args == ()
    assert read_accelerate_config(by_mpi).on_cpu


def test_shipped_configs_say_themselves_whether_they_are_for_the_cpu() -> None:
    for path in bundled.accelerate_configs_dir().glob("*.yaml"):
        assert read_accelerate_config(path.stem).on_cpu == path.stem.startswith("cpu")


@pytest.mark.parametrize(
    ("values", "strategy"),
    [
        ({"distributed_type": "NO", "num_processes": 1}, "single"),
        ({"distributed_type": False}, "single"),
        ({"distributed_type": "MULTI_GPU", "num_processes": 2}, "ddp"),
        ({"distributed_type": "DEEPSPEED", "deepspeed_config": {"zero_stage": 1}}, "zero1"),
        ({"distributed_type": "DEEPSPEED", "deepspeed_config": {"zero_stage": 3}}, "zero3"),
        ({"distributed_type": "FSDP", "num_processes": 2}, "fsdp"),
    ],
)
def test_strategy_is_read_from_the_accelerate_config(values: dict, strategy: str, tmp_path: Path) -> None:
    assert read_accelerate_config(written(tmp_path, **values)).strategy == strategy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not YAML"),
        ("", "holds nothing"),
        ("- NO\n", "holds list, expected"),
        ("num_processes: 1\n", "distributed_type: "),
        ("distributed_type: MULTI_GPUS\n", "distributed_type: found 'MULTI_GPUS', must be one of NO,"),
        ("distributed_type: 'NO'\nnum_processes: many\n", "num_processes: found 'many', must be a whole number"),
        ("distributed_type: 'NO'\nnum_processes: 0\n", "num_processes: found 0, must be more than 0"),
        ("distributed_type: DEEPSPEED\ndeepspeed_config: {zero_stage: 9}\n", "deepspeed_config.zero_stage: .*found 9"),
    ],
)
def test_a_file_that_is_no_accelerate_config_is_refused_with_what_was_found(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(UsageError, match=f"(?s)--on .*odd.yaml.*{message}"):
        read_accelerate_config(str(tmp_path / "odd.yaml"))


def test_every_distributed_type_of_accelerate_is_known() -> None:
    assert set(DistributedType.__args__) == {kind.value for kind in AcceleratesTypes}  # type: ignore[attr-defined]
