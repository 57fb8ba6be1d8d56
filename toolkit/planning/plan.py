"""From settings to what is to be started: the exact command line, on each machine, with its environment."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit import catalog, config
from toolkit.embedded import is_embedded
from toolkit.errors import UsageError
from toolkit.machine.hardware import sample_gpus
from toolkit.options.training import MemoryOptions, SftOptions
from toolkit.planning.accelerate_config import AccelerateConfig, default_on, read_accelerate_config
from toolkit.planning.nodes import Nodes, read_nodes
from toolkit.planning.training_fit import read_machine, with_machine_choices
from toolkit.settings import Settings


@dataclass(frozen=True)
class LaunchPlan:
    """Everything that decides what is started; `argv` lacks only the run folder."""

    recipe: catalog.Recipe
    settings: Settings
    accelerate: AccelerateConfig
    accelerate_args: tuple[str, ...]
    environment: dict[str, str]
    nodes: Nodes | None = None  # where several machines train together
    asked: SftOptions | None = None  # a training as the config asks for it, `auto` included

    @property
    def on(self) -> str:
        """The accelerate config as the user named it."""
        return self.accelerate.name

    @property
    def stages(self) -> list[tuple[catalog.Recipe, Settings]]:
        """What is run, with its record: the recipe itself, or the stages of a pipeline (both systems of generate as
        one).
        """
        return [(catalog.recipe_of(type(stage)), stage) for stage in self.settings.stage_settings().values()]

    @property
    def config_yaml(self) -> str:
        return config.dump(self.settings)

    def argv(self, run_dir: Path) -> list[str]:
        """The recipe's command line, as it is started and shown."""
        script = [str(self.recipe.script), "--run-dir", str(run_dir)]
        if not self.recipe.by_accelerate:
            return [self.interpreter, *script]
        nodes = self.nodes.arguments() if self.nodes else ()
        return [
            *accelerate_launch(),
            "--config_file",
            str(self.accelerate.path),
            *nodes,
            *self.accelerate_args,
            *script,
        ]

    def on_every_machine(self, run_dir: Path) -> list[list[str]]:
        """The command line of each machine in order of rank; one machine has one."""
        if self.nodes is None:
            return [self.argv(run_dir)]
        return [replace(self, nodes=self.nodes.at(rank)).argv(run_dir) for rank in range(self.nodes.machines)]

    @property
    def interpreter(self) -> str:
        engine = self.settings.engine
        return str((engine and engine.python) or sys.executable)


def plan_launch(
    settings: Settings,
    on: str | None = None,
    accelerate_args: tuple[str, ...] = (),
    planning_only: bool = False,
) -> LaunchPlan:
    """The plan for these settings on `on` (an accelerate config's name or path; by default what the machine has).

    `planning_only`: the plan is shown and not started, so that for several machines rank and address need not be known.

    Raises:
        UsageError: no such accelerate config, or arguments for accelerate where accelerate is not used.
    """
    recipe = catalog.recipe_of(type(settings))
    accelerate = read_accelerate_config(on or default_on())
    environment = _environment(accelerate, settings)
    training = settings.training
    if training:
        settings = settings.with_options(MemoryOptions.of(with_machine_choices(training, read_machine(accelerate))))
    if not recipe.by_accelerate:
        if accelerate_args:
            raise UsageError(f"{recipe.name} is not started by accelerate; remove `-- {' '.join(accelerate_args)}`.")
        return LaunchPlan(recipe, settings, accelerate, (), environment)
    gpus = 0 if accelerate.on_cpu else len(sample_gpus())
    # What the YAML of one machine cannot know: how many GPUs this machine shows.
    count = ("--num_processes", str(gpus)) if gpus and accelerate.several_on_one_machine else ()
    nodes = read_nodes(accelerate, gpus, planning_only)
    options = (*accelerate.launch_options, *count, *accelerate_args)
    return LaunchPlan(recipe, settings, accelerate, options, environment, nodes, training)


def accelerate_launch() -> list[str]:
    """`accelerate launch`, by the program that loads nothing but it: `accelerate` loads all its other commands first,
    which takes three times as long.
    """
    program = Path(sys.executable).with_name("accelerate-launch")
    return [str(program)] if program.exists() else [sys.executable, "-m", "accelerate.commands.launch"]


def _environment(accelerate: AccelerateConfig, settings: Settings) -> dict[str, str]:
    environment = {"PYTHONUNBUFFERED": "1", "STEPTUNE_ON": accelerate.name, "TOKENIZERS_PARALLELISM": "false"}
    if all(is_embedded(model) for model in settings.loaded_models):
        environment["HF_HUB_OFFLINE"] = "1"  # bitsandbytes asks the hub for a kernel on some CPUs
    if accelerate.on_cpu:
        environment |= {"ACCELERATE_USE_CPU": "true", "DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        # Threads that spin at every barrier lose whole time slices as soon as another process needs a core.
        environment["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    return environment
