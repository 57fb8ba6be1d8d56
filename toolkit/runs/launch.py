"""From settings to a running recipe: the exact command line, the supervisor, and the proof that the launch worked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from toolkit import catalog, config
from toolkit.errors import UsageError
from toolkit.machine.hardware import sample_gpus
from toolkit.machine.processes import RUN_ID_VARIABLE, tagged_with
from toolkit.planning.training_fit import read_machine, with_machine_choices
from toolkit.records import read_json, write_json
from toolkit.run_folder.folder import ENDED_STATES, RunFolder, create_run
from toolkit.runs.nodes import Nodes, node_folder, read_nodes
from toolkit.settings import GenerateSettings, PipelineSettings, Settings, SftSettings

LAUNCH_TIMEOUT_S = 180.0
SUPERVISOR_TIMEOUT_S = 30.0
# Names whose values explain a run; everything else of the environment may hold secrets and is not recorded.
RECORDED_VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "HF_HUB_OFFLINE",
    "HF_HOME",
    "OMP_NUM_THREADS",
    "STEPTUNE_CACHE",
    "VIRTUAL_ENV",
)


@dataclass(frozen=True)
class LaunchPlan:
    """Everything that decides what is started; `argv` lacks only the run folder."""

    recipe: str
    settings: Settings
    on: str
    accelerate_config: Path | None
    accelerate_args: tuple[str, ...]
    environment: dict[str, str]
    nodes: Nodes | None = None  # where several machines train together

    @property
    def config_yaml(self) -> str:
        return config.dump(self.settings, self.recipe)

    def argv(self, run_dir: Path) -> list[str]:
        """The recipe's command line, as it is started and shown."""
        script = [str(catalog.find_recipe(self.recipe).script), "--run-dir", str(run_dir)]
        if self.accelerate_config is None:
            return [self.interpreter, *script]
        launcher = Path(sys.executable).with_name("accelerate")
        launch = (
            [str(launcher), "launch"] if launcher.exists() else [sys.executable, "-m", "accelerate.commands.launch"]
        )
        nodes = self.nodes.arguments() if self.nodes else ()
        return [*launch, "--config_file", str(self.accelerate_config), *nodes, *self.accelerate_args, *script]

    def on_every_machine(self, run_dir: Path) -> list[list[str]]:
        """The command line of each machine in order of rank; one machine has one."""
        if self.nodes is None:
            return [self.argv(run_dir)]
        return [replace(self, nodes=self.nodes.at(rank)).argv(run_dir) for rank in range(self.nodes.machines)]

    @property
    def interpreter(self) -> str:
        other = self.settings.generator.python if isinstance(self.settings, GenerateSettings) else None
        return str(other or sys.executable)


def plan_launch(
    recipe: str,
    settings: Settings,
    on: str | None = None,
    accelerate_args: tuple[str, ...] = (),
    planning_only: bool = False,
) -> LaunchPlan:
    """The plan for a recipe on `on` (an accelerate config's name or path; by default what the machine has).

    `planning_only`: the plan is shown and not started, so that for several machines rank and address need not be known.

    Raises:
        UsageError: no such accelerate config, or arguments for accelerate where accelerate is not used.
    """
    name = on or default_on()
    path = catalog.accelerate_config_path(name)
    if isinstance(settings, SftSettings):
        settings = with_machine_choices(settings, read_machine(_shape(path), is_cpu(name)))
    if recipe in catalog.PLAIN_PYTHON_RECIPES:
        if accelerate_args:
            raise UsageError(f"{recipe} is not started by accelerate; remove `-- {' '.join(accelerate_args)}`.")
        return LaunchPlan(recipe, settings, name, None, (), _environment(name, settings))
    shape = _shape(path)
    nodes = read_nodes(shape, path.stem, 0 if is_cpu(name) else len(sample_gpus()), planning_only)
    return LaunchPlan(
        recipe,
        settings,
        name,
        path,
        (*_process_count(shape, name), *accelerate_args),
        _environment(name, settings),
        nodes,
    )


def default_on() -> str:
    """`single_gpu` where there is an NVIDIA GPU, else `cpu`."""
    return "single_gpu" if sample_gpus() else "cpu"


def is_cpu(on: str) -> bool:
    """Whether an accelerate config is for CPU: by the shipped names, `cpu...`."""
    return Path(on).stem.startswith("cpu")


def _environment(on: str, settings: Settings) -> dict[str, str]:
    environment = {"PYTHONUNBUFFERED": "1", "STEPTUNE_ON": on, "TOKENIZERS_PARALLELISM": "false"}
    if all(model.startswith("embedded:") for model in models_of(settings)):
        environment["HF_HUB_OFFLINE"] = "1"  # bitsandbytes asks the hub for a kernel on some CPUs
    if is_cpu(on):
        environment |= {"ACCELERATE_USE_CPU": "true", "DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        # Threads that spin at every barrier lose whole time slices as soon as another process wants a core.
        environment["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    return environment


def models_of(settings: Settings) -> list[str]:
    """Every model that a recipe loads, as its settings name it."""
    stages: tuple[Settings, ...] = settings.stages() if isinstance(settings, PipelineSettings) else (settings,)
    return [getattr(stage, name) for stage in stages for name in ("model", "bertscore_model") if hasattr(stage, name)]


def _process_count(shape: dict[str, Any], on: str) -> tuple[str, ...]:
    """What the YAML of one machine cannot know: how many GPUs this machine shows."""
    visible = (
        len(sample_gpus())
        if int(shape.get("num_processes", 1)) > 1 and int(shape.get("num_machines", 1)) < 2 and not is_cpu(on)
        else 0
    )
    return ("--num_processes", str(visible)) if visible else ()


def _shape(path: Path) -> dict[str, Any]:
    """An accelerate config as a mapping."""
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def start(plan: LaunchPlan, run_dir: Path | None = None, parent: str | None = None) -> RunFolder:
    """Create the run folder and start its supervisor; returns at once. Raises UsageError for a folder that is in use.

    Of several machines, the first makes the run folder; each of the others has a folder of its own in it, for its log.
    """
    folder = node_folder(run_dir, plan.nodes) if plan.nodes else run_dir
    if plan.nodes and plan.nodes.rank and run_dir:
        parent = RunFolder(run_dir).id
    run = create_run(plan.recipe, plan.config_yaml, folder, parent)
    _write_command(run, plan)
    _start_supervisor(run)
    return run


def _write_command(run: RunFolder, plan: LaunchPlan) -> None:
    recorded = {name: os.environ[name] for name in RECORDED_VARIABLES if name in os.environ}
    environment = {**recorded, **plan.environment, RUN_ID_VARIABLE: run.id}
    write_json(
        run.path / "command.json",
        {"argv": plan.argv(run.leader.path), "cwd": os.getcwd(), "environment": environment, "on": plan.on},
    )


def resume(run: RunFolder) -> None:
    """Start a run that ended or was lost again, in its own folder, from what it saved.

    Raises:
        UsageError: it is still running or already finished.
    """
    state = run.state()
    if state == "finished":
        raise UsageError(
            f"The run {run.id} is finished; there is nothing to resume. Start a new one with `steptune run {run.recipe}"
            f" -c {run.path / 'config.yaml'}`."
        )
    if state not in (*ENDED_STATES, "lost"):
        raise UsageError(f"The run {run.id} is {state}; follow it with `steptune logs -f {run.id}`.")
    if survivors := tagged_with(run.id):
        pids = ", ".join(str(process.pid) for process in survivors)
        raise UsageError(
            f"Processes of {run.id} are still alive (pid {pids}); end them with `steptune stop {run.id}` first."
        )
    attempts = len(list(run.path.glob("result.*.json")))
    if (run.path / "result.json").exists():
        os.replace(run.path / "result.json", run.path / f"result.{attempts + 1}.json")
    run.add_event("resumed", after=state)
    _start_supervisor(run)


def _start_supervisor(run: RunFolder) -> None:
    """Start the supervisor and wait until it holds the run's lock: until then the run would look lost to its viewers."""
    with (run.path / "log.txt").open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-P", "-m", "toolkit.runs.supervisor", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=run.path,
        )
    deadline = time.monotonic() + SUPERVISOR_TIMEOUT_S
    while time.monotonic() < deadline and supervisor.poll() is None and not run.is_locked() and run.result is None:
        time.sleep(0.02)


def wait_until_started(run: RunFolder, timeout_s: float = LAUNCH_TIMEOUT_S) -> bool:
    """Whether the recipe came up and took its config; False as soon as the run has ended instead."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if has_started(run):
            return True
        if read_json(run.path / "result.json") is not None:
            return False
        time.sleep(0.2)
    return False


def has_started(run: RunFolder) -> bool:
    """Whether the newest attempt's recipe has taken its config."""
    for event in reversed(run.leader.events()):
        if event.get("event") == "supervisor_started":
            return False
        if event.get("event") == "started":
            return True
    return False
