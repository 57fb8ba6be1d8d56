"""Whether a training fits this machine, and its options that are left to the machine: batch size and gradient
checkpointing.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from toolkit.machine.hardware import sample_gpus
from toolkit.options.base import Options
from toolkit.options.training import BaseModelOptions, MemoryOptions, SftOptions
from toolkit.planning.accelerate_config import AccelerateConfig
from toolkit.planning.lora_targets import lora_refusals
from toolkit.planning.model_configs import find_model_config
from toolkit.planning.strategies import Strategy, refusal
from toolkit.planning.training_memory import (
    GIB,
    MemoryEstimate,
    ModelShape,
    TrainingShape,
    estimate_memory,
    largest_batch,
    read_shape,
)

# Left free for what the estimate cannot see: other users of the card, fragmentation.
USABLE = 0.95


@dataclass(frozen=True)
class Machine:
    """What one process of a training has: `free` in bytes, of the fullest GPU or its share of this machine's memory."""

    device: Literal["cpu", "cuda"]
    free: float
    precision_bytes: int
    strategy: Strategy
    processes: int
    name: str


@dataclass(frozen=True)
class Judgement:
    """One thing that was looked at, for preflight."""

    name: str
    level: Literal["ok", "warning", "refused"]
    message: str


def read_machine(accelerate: AccelerateConfig) -> Machine:
    """The machine as one process of an accelerate config meets it."""
    gpus, processes = [] if accelerate.on_cpu else sample_gpus(), accelerate.processes
    if gpus:
        processes = len(gpus) * accelerate.machines if processes > 1 else 1
        free = min(gpu["memory_total_mib"] - gpu["memory_used_mib"] for gpu in gpus) * 1024**2
        return Machine("cuda", free, 2, accelerate.strategy, processes, str(gpus[0]["name"]))
    # Without a card the default of the presets is still judged by what it needs on a CPU.
    free, precision_bytes = psutil.virtual_memory().available / processes, 2 if _cpu_has_bf16() else 4
    return Machine("cpu", free, precision_bytes, accelerate.strategy, processes, "CPU")


def with_machine_choices(settings: SftOptions, machine: Machine) -> SftOptions:
    """The settings with `auto` replaced: no checkpointing if the smallest batch fits without, then the largest batch
    that fits.

    The rows of an optimiser step stay: with an automatic batch size `gradient_accumulation_steps` is their number,
    which is divided by the processes (rounded up) and by the batch size that was found. For a model of an unknown
    family, one row at a time with checkpointing.
    """
    model, usable = _model_shape(settings), machine.free * USABLE
    batch_is_open = settings.per_device_train_batch_size == "auto"
    rows = math.ceil(settings.gradient_accumulation_steps / machine.processes)
    chosen = (
        settings.with_options(MemoryOptions(per_device_train_batch_size=1, gradient_accumulation_steps=rows))
        if batch_is_open
        else settings
    )
    if chosen.gradient_checkpointing == "auto":
        without = chosen.with_options(MemoryOptions(gradient_checkpointing=False))
        fits = model is not None and estimate_memory(model, training_shape(without, machine)).total <= usable
        chosen = without if fits else chosen.with_options(MemoryOptions(gradient_checkpointing=True))
    if batch_is_open and model is not None:
        batch = largest_batch(model, training_shape(chosen, machine), usable, rows)
        chosen = chosen.with_options(
            MemoryOptions(per_device_train_batch_size=batch, gradient_accumulation_steps=rows // batch)
        )
    return chosen


def training_shape(settings: SftOptions, machine: Machine) -> TrainingShape:
    return TrainingShape(settings, machine.precision_bytes, machine.device, machine.strategy, machine.processes)


def memory_of(settings: SftOptions, machine: Machine) -> MemoryEstimate | None:
    """The estimate for settings without `auto`; None for a model whose shape is not known."""
    model = _model_shape(settings)
    if model is None or "auto" in (settings.per_device_train_batch_size, settings.gradient_checkpointing):
        return None
    return estimate_memory(model, training_shape(settings, machine))


def judge_training(settings: SftOptions, machine: Machine) -> Iterator[Judgement]:
    """What preflight says about a training on this machine."""
    if found := refusal(
        machine.strategy, settings.quantization, settings.optim, machine.device == "cpu", settings.use_dora
    ):
        advice = " (--preset demo is made for a CPU)" if machine.device == "cpu" else ""
        yield Judgement("strategy", "refused", f"{found}{advice}")
    if settings.attn_implementation == "flash_attention_2" and (
        machine.device == "cpu" or importlib.util.find_spec("flash_attn") is None
    ):
        lacking = "a CUDA card" if machine.device == "cpu" else "the package flash-attn"
        yield Judgement(
            "attention",
            "refused",
            f"attn_implementation=flash_attention_2 needs {lacking}; use attn_implementation=auto.",
        )
    if missing := [name for name in settings.report_to if importlib.util.find_spec(name) is None]:
        names = " ".join(missing)
        yield Judgement(
            "trackers",
            "refused",
            f"report_to names {names}, which is not installed; `pip install {names}`, or leave it out.",
        )
    if brings_code(settings.model, settings.revision) and not settings.trust_remote_code:
        yield Judgement(
            "model",
            "refused",
            f"{settings.model} runs Python code of its own; read that code, and set trust_remote_code=true if you"
            " trust it.",
        )
    for reason in lora_refusals(settings):
        yield Judgement("LoRA", "refused", reason)
    yield _judge_memory(settings, machine)


def judge_rows(asked: SftOptions, chosen: SftOptions, machine: Machine) -> Iterator[Judgement]:
    """What preflight says about the rows of an optimiser step where several processes share them; `asked` is the config
    before `with_machine_choices`.
    """
    if machine.processes == 1:
        return
    of_each = chosen.rows_per_device * chosen.gradient_accumulation_steps
    rows, name = of_each * machine.processes, "rows of a step"
    shown = f"{chosen.rows_per_device} x {chosen.gradient_accumulation_steps} x {machine.processes} processes"
    if asked.per_device_train_batch_size != "auto":
        yield Judgement(
            name,
            "warning",
            f"{rows} rows in an optimiser step ({shown}), where one process has {of_each} at the same learning rate:"
            " with per_device_train_batch_size given, both numbers are those of each process;"
            " per_device_train_batch_size=auto keeps the step at gradient_accumulation_steps rows in all.",
        )
    elif rows == asked.gradient_accumulation_steps:
        yield Judgement(name, "ok", f"{rows} rows in an optimiser step ({shown}), as many as with one process")
    else:
        yield Judgement(
            name,
            "warning",
            f"{rows} rows in an optimiser step ({shown}) in place of {asked.gradient_accumulation_steps}, which"
            f" {machine.processes} processes cannot share evenly; set gradient_accumulation_steps to a multiple of"
            f" {machine.processes} for as many rows as you say.",
        )


def brings_code(model: str, revision: str | None = None) -> bool:
    """Whether a model's config asks for code that comes with it (`auto_map`)."""
    return bool((find_model_config(model, revision) or {}).get("auto_map"))


def _judge_memory(settings: SftOptions, machine: Machine) -> Judgement:
    estimate = memory_of(settings, machine)
    if estimate is None:
        return Judgement(
            "training memory",
            "warning",
            f"{settings.model}: the memory of this model is not known before it is loaded.",
        )
    where = f"{machine.free / GIB:.1f} GiB free ({machine.name}, one process)"
    shown = (
        f"{settings.rows_per_device} row(s) of {settings.max_length} tokens,"
        f" checkpointing {'on' if settings.checkpointing else 'off'}"
    )
    if estimate.total <= machine.free:
        return Judgement("training memory", "ok", f"{estimate.total / GIB:.1f} GiB estimated for {shown}; {where}")
    advice = _smaller(settings, machine)
    level: Literal["refused", "warning"] = "refused" if machine.device == "cuda" else "warning"
    return Judgement(
        "training memory", level, f"{estimate.total / GIB:.1f} GiB estimated for {shown}, {where}; {advice}"
    )


def _smaller(settings: SftOptions, machine: Machine) -> str:
    """The first change that makes it fit."""
    changes: list[tuple[str, Options]] = [
        ("set gradient_checkpointing=true", MemoryOptions(gradient_checkpointing="true")),
        (
            "set per_device_train_batch_size=1 and gradient_checkpointing=true",
            MemoryOptions(per_device_train_batch_size=1),
        ),
        ("set quantization=nf4", BaseModelOptions(quantization="nf4")),
        *(
            (f"set max_length={length}", MemoryOptions(max_length=length))
            for length in (1024, 512, 256)
            if length < settings.max_length
        ),
    ]
    for index, (advice, _) in enumerate(changes):
        estimate = memory_of(settings.with_options(*(change for _, change in changes[: index + 1])), machine)
        if estimate is not None and estimate.total <= machine.free:
            return f"{advice}."
    return "no batch size or length makes it fit: take a smaller model, or share it out (--on deepspeed_zero3)."


def _model_shape(settings: SftOptions) -> ModelShape | None:
    config = find_model_config(settings.model, settings.revision)
    return read_shape(config) if config else None


def _cpu_has_bf16() -> bool:
    path = Path("/proc/cpuinfo")
    return path.exists() and "avx512_bf16" in path.read_text(encoding="utf-8", errors="replace")
