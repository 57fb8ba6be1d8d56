"""What `auto` becomes: micro-batch and gradient checkpointing, by what fits the memory and by what takes less time.

The rows of an optimiser step stay: with an automatic batch size `gradient_accumulation_steps` is their number, which is
divided by the processes (rounded up) and by the batch size that is chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from toolkit.options.training import MemoryOptions, SftOptions
from toolkit.planning.training_memory import estimate_memory
from toolkit.planning.training_shape import ModelShape, TrainingShape

# Passes over the frozen weights: forward, and backward to the inputs; checkpointing repeats the forward one in the
# layers that it is for: none, every fourth, every second, all.
PASSES = 2
EVERY = (0, 4, 2, 1)
# A micro-step costs its tokens and about as much as these: dequantising each matrix and starting the kernels does not
# depend on the rows. From 2.5 bytes a weight of traffic against two operations a weight and token, at the ratio of
# arithmetic to bandwidth of cards from T4 to H100 (50 to 150 operations a byte). Reckoned, not measured on a card.
FIXED_TOKENS = 128


@dataclass(frozen=True)
class RowLengths:
    """The training rows that fit max_length, in tokens."""

    rows: int
    tokens: int
    longest: int

    @property
    def mean(self) -> float:
        return self.tokens / max(1, self.rows)


@dataclass(frozen=True)
class MachineChoice:
    """A training's options with `auto` decided, and why, in a sentence; None where nothing was left open."""

    options: SftOptions
    why: str | None = None


@dataclass(frozen=True)
class _Way:
    options: MemoryOptions  # of batch size and checkpointing
    time: float  # of a token, in forward passes over a large batch

    @property
    def rows(self) -> int:
        return self.options.rows_per_device

    def __str__(self) -> str:
        return f"{self.rows} row{'' if self.rows == 1 else 's'} {self.options.checkpointing_words}"


def is_open(settings: SftOptions) -> bool:
    """Whether something is left to the machine."""
    return "auto" in (settings.per_device_train_batch_size, settings.gradient_checkpointing)


def choose(
    settings: SftOptions,
    model: ModelShape | None,
    shape: TrainingShape,
    usable: float | None,
    lengths: RowLengths | None,
) -> MachineChoice:
    """The options with `auto` replaced by the way that fits `usable` bytes and takes the least time a token.

    Where model or memory are not known, or nothing fits: one row at a time, with checkpointing.
    """
    if not is_open(settings):
        return MachineChoice(settings)
    batch_is_open = settings.per_device_train_batch_size == "auto"
    rows = math.ceil(settings.gradient_accumulation_steps / shape.processes)
    batches = [size for size in range(1, rows + 1) if rows % size == 0] if batch_is_open else [settings.rows_per_device]
    ways = [
        _Way(decided, _time(decided, settings, lengths))
        for every in _every(settings)
        if model and usable
        for decided in _largest_that_fits(settings, model, shape, batches, every, usable)
    ]
    best = min(ways, key=lambda way: way.time, default=None)
    decided = best.options if best else _memory_options(min(batches), _every(settings)[-1])
    batch = decided.rows_per_device
    if batch_is_open:
        decided = decided.with_options(MemoryOptions(gradient_accumulation_steps=rows // batch))
    return MachineChoice(settings.with_options(decided), _why(best, ways, model, usable))


def _every(settings: SftOptions) -> tuple[int, ...]:
    return EVERY if settings.gradient_checkpointing == "auto" else (settings.recomputed_every,)


def _memory_options(batch: int, every: int) -> MemoryOptions:
    text: Literal["true", "false"] = "true" if every else "false"
    return MemoryOptions(per_device_train_batch_size=batch, gradient_checkpointing=every if every > 1 else text)


def _largest_that_fits(
    settings: SftOptions, model: ModelShape, shape: TrainingShape, batches: list[int], every: int, usable: float
) -> list[MemoryOptions]:
    """One, or none where nothing fits."""
    ways = [_memory_options(batch, every) for batch in batches]
    fitting = [
        way for way in ways if estimate_memory(model, shape.with_options(settings.with_options(way))).peak <= usable
    ]
    return fitting[-1:]


def _time(way: MemoryOptions, settings: SftOptions, lengths: RowLengths | None) -> float:
    tokens = way.rows_per_device * (lengths.mean if lengths else settings.max_length)
    repeated = 1 / way.recomputed_every if way.recomputed_every else 0
    return (PASSES + repeated) * (1 + FIXED_TOKENS / max(1.0, tokens))


def _why(best: _Way | None, ways: list[_Way], model: ModelShape | None, usable: float | None) -> str:
    if model is None:
        return "one row at a time: the memory of this model is not known before it is loaded"
    if usable is None:
        return "one row at a time: the card does not say its memory"
    if best is None:
        return "nothing fits, the smallest is shown"
    others = [way for way in ways if way.rows != best.rows]
    if others:
        longer = ", ".join(f"{way.time / best.time:.2f} in {way}" for way in others)
        return f"{best}, reckoned the fastest that fits (1 in time a token; {longer})"
    if best.options.recomputed_every and ways[0] is best:
        return f"{best}: without it not one row fits"
    return f"{best}: as many as fit"
