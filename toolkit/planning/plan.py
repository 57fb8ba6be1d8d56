"""From settings to what is to be started: the exact command line, on each machine, with its environment."""

from __future__ import annotations

import itertools
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit import catalog, config
from toolkit.embedded import is_embedded
from toolkit.errors import UsageError
from toolkit.machine.gpus import VISIBLE_VARIABLE, Gpu, Gpus, card_environment, most_free
from toolkit.options.training import MemoryOptions, SftOptions
from toolkit.planning.accelerate_config import AccelerateConfig, default_on, read_accelerate_config
from toolkit.planning.batch_choice import MachineChoice, RowLengths, is_open
from toolkit.planning.nodes import Nodes, read_nodes
from toolkit.planning.token_preview import recipe_preview, row_lengths
from toolkit.planning.training_fit import machine_choice
from toolkit.planning.training_machine import Machine, read_machine
from toolkit.records import JSON
from toolkit.settings import Settings

COUNT_TIMEOUT_S = 180.0  # a tokenizer may have to be fetched; without an answer `auto` is decided by max_length


@dataclass(frozen=True)
class TrainingPlan:
    """A training as the config asks for it, what `auto` becomes, and the rows' lengths where they were counted."""

    asked: SftOptions
    choice: MachineChoice
    lengths: RowLengths | None = None

    @property
    def options(self) -> SftOptions:
        """Without `auto`."""
        return self.choice.options


@dataclass(frozen=True)
class LaunchPlan:
    """Everything that decides what is started; `argv` lacks only the run folder."""

    recipe: catalog.Recipe
    settings: Settings
    accelerate: AccelerateConfig
    accelerate_args: tuple[str, ...]
    environment: dict[str, str]
    gpus: Gpus  # those that may be taken
    machine: Machine
    nodes: Nodes | None = None  # where several machines train together
    training: TrainingPlan | None = None  # the recipe's own, or that of a pipeline's stage
    preview: JSON | None = None  # what the recipe's preview program said, where it was asked

    @property
    def on(self) -> str:
        """The accelerate config as the user named it."""
        return self.accelerate.name

    @property
    def asked_processes(self) -> int | None:
        """N of `-- --num_processes N`, the last one given."""
        return _asked_processes(self.accelerate_args)

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
    count_rows: bool = False,
    gpus: Gpus | None = None,
) -> LaunchPlan:
    """The plan for these settings on `on` (an accelerate config's name or path; by default what the machine has).

    `planning_only`: the plan is shown and not started, so that for several machines rank and address need not be known.
    `count_rows`: read and tokenise the data (seconds), so that `auto` is decided by its rows and not by max_length.
    `gpus`: the cards that may be taken, in place of those that the accelerate config and this process see.

    Raises:
        UsageError: no such accelerate config, or arguments for accelerate where accelerate is not used.
    """
    recipe = catalog.recipe_of(type(settings))
    accelerate = read_accelerate_config(on or default_on())
    gpus = accelerate.gpus() if gpus is None else gpus
    cards = trained_on(accelerate, gpus.cards, _asked_processes(accelerate_args))
    environment = _environment(accelerate, settings, recipe, cards, gpus.cards)
    machine = read_machine(accelerate, cards)
    preview = _count(recipe, settings, environment) if count_rows else None
    training = _training_plan(settings, machine, row_lengths(preview or {}))
    if training and settings.training:
        settings = settings.with_options(MemoryOptions.of(training.options))
    if not recipe.by_accelerate:
        if accelerate_args:
            raise UsageError(f"{recipe.name} is not started by accelerate; remove `-- {' '.join(accelerate_args)}`.")
        return LaunchPlan(recipe, settings, accelerate, (), environment, gpus, machine, None, training)
    # What the YAML of one machine cannot know: how many GPUs this machine shows.
    count = ("--num_processes", str(len(cards))) if cards and accelerate.several_on_one_machine else ()
    # The file's own cards would replace those of the environment.
    ids = ("--gpu_ids", environment[VISIBLE_VARIABLE]) if accelerate.gpu_ids else ()
    nodes = read_nodes(accelerate, len(cards), planning_only)
    options = (*accelerate.launch_options, *count, *ids, *accelerate_args)
    return LaunchPlan(recipe, settings, accelerate, options, environment, gpus, machine, nodes, training, preview)


def _count(recipe: catalog.Recipe, settings: Settings, environment: dict[str, str]) -> JSON | None:
    """The preview of a training whose `auto` is open; None for others, and without data."""
    training = settings.training
    if training is None or training.data is None or not is_open(training):
        return None
    return recipe_preview(recipe.preview_program, sys.executable, config.dump(settings), environment, COUNT_TIMEOUT_S)


def _training_plan(settings: Settings, machine: Machine, lengths: RowLengths | None) -> TrainingPlan | None:
    asked = next((stage.training for stage in settings.stage_settings().values() if stage.training), None)
    return TrainingPlan(asked, machine_choice(asked, machine, lengths), lengths) if asked else None


def accelerate_launch() -> list[str]:
    """`accelerate launch`, by the program that loads nothing but it: `accelerate` loads all its other commands first,
    which takes three times as long.
    """
    program = Path(sys.executable).with_name("accelerate-launch")
    return [str(program)] if program.exists() else [sys.executable, "-m", "accelerate.commands.launch"]


def trained_on(accelerate: AccelerateConfig, cards: tuple[Gpu, ...], processes: int | None = None) -> tuple[Gpu, ...]:
    """The cards of what accelerate starts: one a process, those with the most free memory, in CUDA's order."""
    count = processes or (1 if accelerate.processes == 1 else len(cards))
    chosen = most_free(cards, count)
    return tuple(card for card in cards if card in chosen)


def _asked_processes(accelerate_args: tuple[str, ...]) -> int | None:
    """N of `-- --num_processes N`."""
    asked = dict(itertools.pairwise(accelerate_args)).get("--num_processes", "")
    return int(asked) if asked.isdigit() and int(asked) else None


def _environment(
    accelerate: AccelerateConfig,
    settings: Settings,
    recipe: catalog.Recipe,
    trained_on: tuple[Gpu, ...],
    cards: tuple[Gpu, ...],
) -> dict[str, str]:
    environment = {"PYTHONUNBUFFERED": "1", "STEPTUNE_ON": accelerate.name, "TOKENIZERS_PARALLELISM": "false"}
    # What starts its own workers gets all cards, the emptiest first; a pipeline's stages are planned when they start.
    own = () if recipe.stages else trained_on if recipe.by_accelerate else most_free(cards, len(cards))
    environment |= card_environment(own)
    if all(is_embedded(model) for model in settings.loaded_models):
        environment["HF_HUB_OFFLINE"] = "1"  # bitsandbytes asks the hub for a kernel on some CPUs
    if accelerate.on_cpu:
        environment |= {"ACCELERATE_USE_CPU": "true", "DS_ACCELERATOR": "cpu", VISIBLE_VARIABLE: ""}
        # Threads that spin at every barrier lose whole time slices as soon as another process needs a core.
        environment["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    return environment
