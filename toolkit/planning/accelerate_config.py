"""What an accelerate config (`--on`) says, read once: on CPU or GPU, how many processes and machines, and the strategy.

Only what steptune decides by is read here; accelerate itself reads the file when it starts the processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError

from toolkit.catalog import accelerate_config_path
from toolkit.config_problems import problems_of
from toolkit.config_yaml import PlainLoader, read_yaml
from toolkit.errors import UsageError
from toolkit.machine import packages
from toolkit.machine.gpus import Gpus, my_gpus
from toolkit.planning.strategies import Strategy

# As accelerate names them; an unquoted NO is `false` in YAML, which accelerate takes for NO as well.
DistributedType = Literal[
    "NO",
    "MULTI_CPU",
    "MULTI_GPU",
    "MULTI_NPU",
    "MULTI_MLU",
    "MULTI_SDAA",
    "MULTI_MUSA",
    "MULTI_XPU",
    "MULTI_HPU",
    "MULTI_NEURON",
    "DEEPSPEED",
    "FSDP",
    "XLA",
    "MEGATRON_LM",
]


class _DeepSpeed(BaseModel):
    model_config = ConfigDict(extra="ignore")

    zero_stage: int = Field(2, ge=0, le=3)


class _File(BaseModel):
    """The keys of the YAML that steptune reads. All others are accelerate's own."""

    model_config = ConfigDict(extra="ignore")

    distributed_type: Annotated[DistributedType, BeforeValidator(lambda given: "NO" if given is False else given)]
    use_cpu: bool = False
    num_processes: PositiveInt = 1
    num_machines: PositiveInt = 1
    deepspeed_config: _DeepSpeed | None = None
    mpirun_config: dict[str, Any] | None = None
    gpu_ids: Annotated[str | None, BeforeValidator(lambda given: None if given is None else str(given))] = None


@dataclass(frozen=True)
class AccelerateConfig:
    """One accelerate config. `name` is what the user gave for `--on`, `processes` counts those of all machines."""

    name: str
    path: Path
    on_cpu: bool
    processes: int
    machines: int
    strategy: Strategy
    launch_options: tuple[str, ...] = ()  # options that accelerate needs to start what the file means
    gpu_ids: str | None = None  # the cards that the file names, in CUDA_VISIBLE_DEVICES' spelling

    @property
    def several_on_one_machine(self) -> bool:
        """Whether one machine's work is shared out over several processes."""
        return self.processes > 1 and self.machines == 1

    def gpus(self) -> Gpus:
        """The cards that this config may take: those that the file names, else those that this process sees."""
        return Gpus() if self.on_cpu else my_gpus(self.gpu_ids)


def read_accelerate_config(name: str) -> AccelerateConfig:
    """The config that `--on NAME` means: one of the shipped names, or the path of a YAML file.

    Raises:
        UsageError: there is no such config, or the file is not one.
    """
    path = accelerate_config_path(name)
    file = _read(path, name)
    # accelerate starts one process of a MULTI_CPU file, unless it is MPI that starts them.
    alone = file.distributed_type == "MULTI_CPU" and file.num_processes > 1 and not file.mpirun_config
    return AccelerateConfig(
        name=name,
        path=path,
        on_cpu=file.use_cpu or file.distributed_type == "MULTI_CPU",
        processes=file.num_processes,
        machines=file.num_machines,
        strategy=_strategy(file),
        launch_options=("--multi_gpu",) if alone else (),
        gpu_ids=None if file.gpu_ids in (None, "all") else file.gpu_ids,
    )


def default_on() -> str:
    """`single_gpu` where a GPU is visible, or is meant to be: nvidia-smi fails under a torch for CUDA. Else `cpu`."""
    found = my_gpus()
    if found.problem and (torch := packages.torch_build()) and torch.cuda:
        return "single_gpu"
    return "single_gpu" if found.cards else "cpu"


def _read(path: Path, name: str) -> _File:
    try:
        values = read_yaml(path.read_text(encoding="utf-8"), PlainLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--on {name}: {path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"--on {name}: {path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(
            f"--on {name}: {path} holds {'nothing' if values is None else type(values).__name__}, expected the options"
            " of accelerate as `name: value` lines; `accelerate config --config_file FILE` writes such a file."
        )
    try:
        return _File.model_validate(values)
    except ValidationError as error:
        problems = "".join(f"\n  - {problem}" for problem in problems_of(error, _File))
        raise UsageError(f"--on {name}: {path} is not an accelerate config:{problems}") from error


def _strategy(file: _File) -> Strategy:
    if file.distributed_type == "DEEPSPEED":
        stage = file.deepspeed_config.zero_stage if file.deepspeed_config else 2
        return "zero3" if stage == 3 else "zero1" if stage == 1 else "zero2"
    if file.distributed_type == "FSDP":
        return "fsdp"
    return "ddp" if file.num_processes > 1 else "single"
