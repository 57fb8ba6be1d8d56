"""From settings to a running recipe: the exact command line, the supervisor, and the proof that the launch worked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from toolkit import catalog, config
from toolkit.errors import UsageError
from toolkit.records import read_json, write_json
from toolkit.runs.folder import ENDED_STATES, RunFolder, create_run
from toolkit.runs.hardware import sample_gpus
from toolkit.runs.processes import RUN_ID_VARIABLE, tagged_with
from toolkit.settings import GenerateSettings, PipelineSettings, Settings

LAUNCH_TIMEOUT_S = 180.0
SUPERVISOR_TIMEOUT_S = 30.0
# Names whose values explain a run; everything else of the environment may hold secrets and is not recorded.
RECORDED_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HF_HUB_OFFLINE", "HF_HOME", "OMP_NUM_THREADS", "STEPTUNE_CACHE", "VIRTUAL_ENV")


@dataclass(frozen=True)
class LaunchPlan:
    """Everything that decides what is started; `argv` lacks only the run folder."""

    recipe: str
    settings: Settings
    on: str
    accelerate_config: Path | None
    accelerate_args: tuple[str, ...]
    environment: dict[str, str]

    @property
    def config_yaml(self) -> str:
        return config.dump(self.settings, self.recipe)

    def argv(self, run_dir: Path) -> list[str]:
        """The recipe's command line, as it is started and shown."""
        script = [str(catalog.find_recipe(self.recipe).script), "--run-dir", str(run_dir)]
        if self.accelerate_config is None:
            return [self.interpreter, *script]
        launcher = Path(sys.executable).with_name("accelerate")
        launch = [str(launcher), "launch"] if launcher.exists() else [sys.executable, "-m", "accelerate.commands.launch"]
        return [*launch, "--config_file", str(self.accelerate_config), *self.accelerate_args, *script]

    @property
    def interpreter(self) -> str:
        other = self.settings.generator.python if isinstance(self.settings, GenerateSettings) else None
        return str(other or sys.executable)


def plan_launch(recipe: str, settings: Settings, on: str | None = None, accelerate_args: tuple[str, ...] = ()) -> LaunchPlan:
    """The plan for a recipe on `on` (an accelerate config's name or path; by default what the machine has).

    Raises:
        UsageError: no such accelerate config, or arguments for accelerate where accelerate is not used.
    """
    name = on or default_on()
    path = catalog.accelerate_config_path(name)
    if recipe in catalog.PLAIN_PYTHON_RECIPES:
        if accelerate_args:
            raise UsageError(f"{recipe} is not started by accelerate; remove `-- {' '.join(accelerate_args)}`.")
        return LaunchPlan(recipe, settings, name, None, (), _environment(name, settings))
    return LaunchPlan(recipe, settings, name, path, (*_shape_arguments(path, name), *accelerate_args), _environment(name, settings))


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
        environment |= {"DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        if "zero" not in Path(on).stem:  # with it, accelerate 1.15 silently takes DDP in place of DeepSpeed
            environment["ACCELERATE_USE_CPU"] = "true"
        # Threads that spin at every barrier lose whole time slices as soon as another process wants a core.
        environment["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    return environment


def models_of(settings: Settings) -> list[str]:
    """Every model that a recipe loads, as its settings name it."""
    stages: tuple[Settings, ...] = settings.stages() if isinstance(settings, PipelineSettings) else (settings,)
    return [getattr(stage, name) for stage in stages for name in ("model", "bertscore_model") if hasattr(stage, name)]


def _shape_arguments(path: Path, on: str) -> tuple[str, ...]:
    """What the YAML cannot know: how many GPUs this machine shows, and for several machines their number, rank and address.

    Rank and address come from MACHINE_RANK and MASTER_ADDR (MASTER_PORT, NUM_MACHINES), or from Slurm's variables.

    Raises:
        UsageError: a config for several machines without rank or address.
    """
    shape = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    machines, processes = int(shape.get("num_machines", 1)), int(shape.get("num_processes", 1))
    if is_cpu(on) or processes < 2:
        return ()
    visible = len(sample_gpus())
    if machines < 2:
        return ("--num_processes", str(visible)) if visible else ()
    rank = os.environ.get("MACHINE_RANK") or os.environ.get("SLURM_NODEID")
    address = os.environ.get("MASTER_ADDR")
    if rank is None or address is None:
        raise UsageError(
            f"{path.stem} is for {machines} machines: set MACHINE_RANK (0 on the first) and MASTER_ADDR (the first machine's address) on each."
        )
    machines = int(os.environ.get("NUM_MACHINES") or os.environ.get("SLURM_NNODES") or machines)
    counts = ("--num_machines", str(machines), *(("--num_processes", str(machines * visible)) if visible else ()))
    return (*counts, "--machine_rank", rank, "--main_process_ip", address, "--main_process_port", os.environ.get("MASTER_PORT", "29500"))


def start(plan: LaunchPlan, run_dir: Path | None = None, parent: str | None = None) -> RunFolder:
    """Create the run folder and start its supervisor; returns at once. Raises UsageError for a folder that is in use."""
    run = create_run(plan.recipe, plan.config_yaml, run_dir, parent)
    _write_command(run, plan)
    _start_supervisor(run)
    return run


def _write_command(run: RunFolder, plan: LaunchPlan) -> None:
    recorded = {name: os.environ[name] for name in RECORDED_VARIABLES if name in os.environ}
    environment = {**recorded, **plan.environment, RUN_ID_VARIABLE: run.id}
    write_json(run.path / "command.json", {"argv": plan.argv(run.path), "cwd": os.getcwd(), "environment": environment, "on": plan.on})


def resume(run: RunFolder) -> None:
    """Start a run that ended or was lost again, in its own folder, from what it saved.

    Raises:
        UsageError: it is still running or already finished.
    """
    state = run.state()
    if state == "finished":
        raise UsageError(
            f"The run {run.id} is finished; there is nothing to resume. Start a new one with `steptune run {run.recipe} -c {run.path / 'config.yaml'}`."
        )
    if state not in (*ENDED_STATES, "lost"):
        raise UsageError(f"The run {run.id} is {state}; follow it with `steptune logs -f {run.id}`.")
    if survivors := tagged_with(run.id):
        pids = ", ".join(str(process.pid) for process in survivors)
        raise UsageError(f"Processes of {run.id} are still alive (pid {pids}); end them with `steptune stop {run.id}` first.")
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
    for event in reversed(run.events()):
        if event.get("event") == "supervisor_started":
            return False
        if event.get("event") == "started":
            return True
    return False
