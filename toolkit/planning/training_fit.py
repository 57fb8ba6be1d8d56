"""Whether a training fits this machine, with what `auto` becomes on it."""

from __future__ import annotations

from collections.abc import Iterator

import psutil

from toolkit.machine import packages
from toolkit.options.base import Options
from toolkit.options.training import BaseModelOptions, MemoryOptions, SftOptions
from toolkit.planning.batch_choice import MachineChoice, RowLengths, choose
from toolkit.planning.check import Check, Level
from toolkit.planning.lora_targets import lora_refusals
from toolkit.planning.model_configs import find_model_config
from toolkit.planning.strategies import SHARDED, TITLES, refusal
from toolkit.planning.training_machine import Machine
from toolkit.planning.training_memory import (
    MemoryEstimate,
    estimate_memory,
    whole_model_bytes,
)
from toolkit.planning.training_shape import GIB, ModelShape, TrainingShape, read_shape

# Left free for what the estimate cannot see: other users of the card, fragmentation.
USABLE = 0.95


def machine_choice(settings: SftOptions, machine: Machine, lengths: RowLengths | None = None) -> MachineChoice:
    """The settings with `auto` decided for this machine, by the rows' lengths where they are known."""
    usable = None if machine.free is None else machine.free * USABLE
    return choose(settings, _model_shape(settings), training_shape(settings, machine, lengths), usable, lengths)


def training_shape(settings: SftOptions, machine: Machine, lengths: RowLengths | None = None) -> TrainingShape:
    longest = lengths.longest if lengths else None
    return TrainingShape(
        settings,
        machine.precision_bytes,
        machine.device,
        machine.strategy,
        machine.processes,
        longest=longest,
        fp16=machine.precision == "fp16",
    )


def memory_of(settings: SftOptions, machine: Machine, lengths: RowLengths | None = None) -> MemoryEstimate | None:
    """The estimate for settings without `auto`; None for a model whose shape is not known."""
    model = _model_shape(settings)
    if model is None or "auto" in (settings.per_device_train_batch_size, settings.gradient_checkpointing):
        return None
    return estimate_memory(model, training_shape(settings, machine, lengths))


def judge_training(settings: SftOptions, machine: Machine, lengths: RowLengths | None = None) -> Iterator[Check]:
    """What preflight says about a training on this machine; `lengths`: of its rows, as far as they are known."""
    if found := refusal(
        machine.strategy, settings.quantization, settings.optim, machine.device == "cpu", settings.use_dora
    ):
        advice = " (--preset demo is made for a CPU)" if machine.device == "cpu" else ""
        yield Check("strategy", "refused", f"{found}{advice}")
    if settings.attn_implementation == "flash_attention_2" and (
        machine.device == "cpu" or not packages.is_installed("flash_attn")
    ):
        lacking = "a CUDA card" if machine.device == "cpu" else "the package flash-attn"
        yield Check(
            "attention",
            "refused",
            f"attn_implementation=flash_attention_2 needs {lacking}; use attn_implementation=auto.",
        )
    if missing := [name for name in settings.report_to if not packages.is_installed(name)]:
        names = " ".join(missing)
        yield Check(
            "trackers",
            "refused",
            f"report_to names {names}, which is not installed; `pip install {names}`, or leave it out.",
        )
    if brings_code(settings.model, settings.revision) and not settings.trust_remote_code:
        yield Check(
            "model",
            "refused",
            f"{settings.model} runs Python code of its own; read that code, and set trust_remote_code=true if you"
            " trust it.",
        )
    for reason in lora_refusals(settings):
        yield Check("LoRA", "refused", reason)
    yield _judge_memory(settings, machine, lengths)
    yield from _judge_host(settings, machine)


def judge_rows(asked: SftOptions, chosen: SftOptions, machine: Machine) -> Iterator[Check]:
    """What preflight says about the rows of an optimiser step where several processes share them; `asked` is the config
    before `machine_choice`.
    """
    if machine.processes == 1:
        return
    of_each = chosen.rows_per_device * chosen.gradient_accumulation_steps
    rows, name = of_each * machine.processes, "rows of a step"
    shown = f"{chosen.rows_per_device} x {chosen.gradient_accumulation_steps} x {machine.processes} processes"
    if asked.per_device_train_batch_size != "auto":
        yield Check(
            name,
            "warning",
            f"{rows} rows in an optimiser step ({shown}), where one process has {of_each} at the same learning rate:"
            " with per_device_train_batch_size given, both numbers are those of each process;"
            " per_device_train_batch_size=auto keeps the step at gradient_accumulation_steps rows in all.",
        )
    elif rows == asked.gradient_accumulation_steps:
        yield Check(name, "ok", f"{rows} rows in an optimiser step ({shown}), as many as with one process")
    else:
        yield Check(
            name,
            "warning",
            f"{rows} rows in an optimiser step ({shown}) in place of {asked.gradient_accumulation_steps}, which"
            f" {machine.processes} processes cannot share evenly; set gradient_accumulation_steps to a multiple of"
            f" {machine.processes} for as many rows as you say.",
        )


def brings_code(model: str, revision: str | None = None) -> bool:
    """Whether a model's config asks for code that comes with it (`auto_map`)."""
    return bool((find_model_config(model, revision) or {}).get("auto_map"))


def _judge_memory(settings: SftOptions, machine: Machine, lengths: RowLengths | None) -> Check:
    estimate, name = memory_of(settings, machine, lengths), "training memory"
    if estimate is None:
        return Check(name, "warning", f"{settings.model}: the memory of this model is not known before it is loaded.")
    shape = training_shape(settings, machine, lengths)
    shown = f"{estimate.peak / GIB:.1f} GiB estimated for " + (
        f"{settings.rows_per_device} row(s) of {shape.row} tokens in {machine.precision},"
        f" {settings.checkpointing_words}"
        if estimate.peak == estimate.total
        else f"loading: {TITLES[machine.strategy]} splits the {settings.quantization} weights after each process has"
        " loaded all of them"
    )
    if machine.free is None:
        return Check(name, "warning", f"{shown}; {machine.name} does not say what it has.")
    where = f"{machine.free / GIB:.1f} GiB free ({machine.name}, one process)"
    if estimate.peak <= machine.free:
        return Check(name, "ok", f"{shown}; {where}")
    level: Level = "refused" if machine.device == "cuda" else "warning"
    return Check(name, level, f"{shown}, {where}; {_smaller(settings, machine, lengths)}")


def _smaller(settings: SftOptions, machine: Machine, lengths: RowLengths | None) -> str:
    """The first change that makes it fit."""
    longest = training_shape(settings, machine, lengths).row
    changes: list[tuple[str, Options]] = [
        ("set gradient_checkpointing=true", MemoryOptions(gradient_checkpointing="true")),
        (
            "set per_device_train_batch_size=1 and gradient_checkpointing=true",
            MemoryOptions(per_device_train_batch_size=1),
        ),
        ("set quantization=nf4", BaseModelOptions(quantization="nf4")),
        *((f"set max_length={size}", MemoryOptions(max_length=size)) for size in (1024, 512, 256) if size < longest),
    ]
    for index, (advice, _) in enumerate(changes):
        changed = settings.with_options(*(change for _, change in changes[: index + 1]))
        estimate = memory_of(changed, machine, lengths)
        if estimate is not None and machine.free is not None and estimate.peak <= machine.free:
            return f"{advice}."
    return (
        "no batch size or length makes it fit: take a smaller model, or cards with more memory (several cards do not"
        " help: each loads the whole model in nf4 first)."
    )


def _judge_host(settings: SftOptions, machine: Machine) -> Iterator[Check]:
    """16-bit weights that are to be split lie whole on the host first, once a process of this machine."""
    model = _model_shape(settings)
    if model is None or machine.device == "cpu" or machine.strategy not in SHARDED or settings.quantization != "none":
        return
    needed, available = (
        machine.here * whole_model_bytes(model, machine.precision_bytes),
        psutil.virtual_memory().available,
    )
    if needed > available:
        yield Check(
            "host memory",
            "refused",
            f"{needed / GIB:.0f} GiB for {machine.here} processes that each load the 16-bit weights before"
            f" {TITLES[machine.strategy]} splits them, {available / GIB:.0f} GiB available; set quantization=nf4, or"
            " use fewer processes.",
        )


def _model_shape(settings: SftOptions) -> ModelShape | None:
    config = find_model_config(settings.model, settings.revision)
    return read_shape(config) if config else None
