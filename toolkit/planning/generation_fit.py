"""In which precision a model is served on this machine, and whether it fits: the same rule before a launch and in the
run itself.

`auto` takes 16 bits, the adapter merged, where weights, a pass, graphs and a cache for REQUESTS of the longest requests
fit. Else the base in NF4 inside vLLM with the adapter beside it, which is the function that QLoRA trained, in a third
of the memory; else the same by transformers, which serves every adapter and needs no package more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import psutil

from toolkit.machine import packages
from toolkit.machine.asked import ask
from toolkit.machine.gpus import Gpu, my_gpus
from toolkit.options.generation import EngineOptions
from toolkit.planning.generation_memory import EngineMemory, ServedModel, batched_tokens, cpu_memory, gpu_memory
from toolkit.planning.training_shape import GIB

# Requests in flight from which a batch keeps a card busy.
REQUESTS = 32
# Prompt tokens that are counted on before the prompts are known.
ASSUMED_PROMPT = 512
# Left to the driver and to fragmentation where others use the card as well.
SPARE_BYTES = GIB // 4
NF4_PLUGIN = "vllm_bnb_plugin"
INSTALL_NF4 = "`pip install --no-deps vllm-bnb-plugin==0.0.3`"  # alone: it asks for the CUDA package of vLLM
_BACKENDS = {"vllm": "vLLM", "transformers": "the transformers backend"}


@dataclass(frozen=True)
class ServingMachine:
    """What an engine has: bytes of its smallest card (all and free) or of the machine's memory, None where unknown."""

    device: Literal["cuda", "cpu"]
    name: str
    total: float | None
    free: float | None
    cards: int
    has_plugin: bool  # vLLM's loader of NF4


@dataclass(frozen=True)
class EngineChoice:
    """What serves. `options` are the engine's with the choice made, `dtype` is what it computes in, `memory` is None
    where the model's is not known.
    """

    options: EngineOptions
    dtype: str
    fits: bool
    memory: EngineMemory | None
    why: str

    def __str__(self) -> str:
        kinds = {"none": self.dtype, "nf4": "NF4", "fp8": "fp8", "auto": self.dtype}
        beside = ", adapter unmerged" if self.options.applies_adapter else ""
        numbers = f": {self.memory}" if self.memory else ""
        return f"{kinds[self.options.quantization]} in {_BACKENDS[self.options.backend]}{beside}{numbers}{self.why}"


@dataclass(frozen=True)
class Served:
    """What is to be served: the model (None: unknown), and the tokens of its longest request, `answer` of them for the
    answer; `assumed` before the prompts are known.

    `unservable`: why vLLM does not serve the adapter unmerged, where it does not. `only_16_bits`: NF4 is no choice, for
    the merge mode asks for the base as it is or the base is stored quantised.
    """

    model: ServedModel | None
    longest: int
    answer: int
    assumed: bool = False
    unservable: str | None = None
    only_16_bits: bool = False


def read_serving_machine(
    on_cpu: bool, python: Path | None = None, cards: tuple[Gpu, ...] | None = None
) -> ServingMachine:
    """This machine.

    Args:
        on_cpu: although it may have cards.
        python: the engine's interpreter; None for this one.
        cards: those that an engine may take; None for all that are visible.
    """
    has_plugin = packages.is_installed(NF4_PLUGIN) if python is None else _has_plugin(python)
    cards = my_gpus().cards if cards is None else cards
    if on_cpu or not cards:
        memory = psutil.virtual_memory()
        return ServingMachine("cpu", "CPU", memory.total, memory.available, 0, has_plugin)
    totals = [card.total_bytes for card in cards if card.total_bytes is not None]
    free = [card.free_bytes for card in cards if card.free_bytes is not None]
    known = len(totals) == len(free) == len(cards)
    return ServingMachine(
        "cuda", cards[0].name, min(totals) if known else None, min(free) if known else None, len(cards), has_plugin
    )


def _has_plugin(python: Path) -> bool:
    probe = f"import importlib.util as u, sys; sys.exit(0 if u.find_spec({NF4_PLUGIN!r}) else 1)"
    return ask([str(python), "-P", "-c", probe]).returncode == 0


def choose_engine(options: EngineOptions, served: Served, machine: ServingMachine, dtype: str) -> EngineChoice:
    """The engine for what is served here; `dtype` is what `generator.dtype` stands for on this machine."""
    options = _within_free_memory(options, machine)
    tried: list[EngineChoice] = []
    for candidate, wanted in _candidates(options, served, machine):
        tried.append(_judge(candidate, wanted, served, machine, dtype))
        if tried[-1].fits:
            break
    return replace(tried[-1], why="".join(_reasons(options, tried, served, machine)))


def served_dtype(options: EngineOptions, on_cpu: bool, dtype: str) -> str:
    """The precision of the arithmetic: the loader of NF4 packs 16-bit types only, on a CPU too."""
    return "bfloat16" if on_cpu and (options.backend, options.quantization) == ("vllm", "nf4") else dtype


def advice(choice: EngineChoice, machine: ServingMachine) -> str:
    """What to change where it does not fit."""
    changes = []
    if choice.options.quantization != "nf4":
        changes.append("set generator.quantization=nf4")
    if machine.cards > choice.options.gpus_each and choice.options.backend == "vllm":
        changes.append(f"set generator.tensor_parallel_size={min(machine.cards, 2 * choice.options.gpus_each)}")
    if choice.memory and choice.memory.cache > 0 and choice.memory.requests == 0:
        changes.append("lower max_new_tokens")
    return f"{', or '.join([*changes, 'take a smaller model'])}."


def _within_free_memory(options: EngineOptions, machine: ServingMachine) -> EngineOptions:
    """vLLM refuses to start where less is free than its share: beside other programs it gets what they leave."""
    if options.backend != "vllm" or machine.device == "cpu" or not machine.total or machine.free is None:
        return options
    left = math.floor((machine.free - SPARE_BYTES) / machine.total * 100) / 100
    if left >= options.gpu_memory_utilization:
        return options
    return options.with_options(EngineOptions(gpu_memory_utilization=max(0.01, left)))


def _candidates(options: EngineOptions, served: Served, machine: ServingMachine) -> Iterator[tuple[EngineOptions, int]]:
    """What `auto` tries in order, else the options as they are; with the requests that the cache must hold at least."""
    if options.quantization != "auto":
        yield options, 1
        return
    yield options.with_options(EngineOptions(quantization="none")), min(REQUESTS, options.max_num_seqs)
    if served.only_16_bits:
        return
    if options.backend == "vllm" and _not_in_vllm(options, served, machine) is None:
        yield options.with_options(EngineOptions(quantization="nf4")), 1
    if options.gpus_each == 1:  # a copy of the transformers backend has one GPU
        nf4 = EngineOptions(backend="transformers", quantization="nf4", unmerged=False)
        batch = options.max_num_seqs
        while batch >= 1:
            yield options.with_options(nf4, EngineOptions(max_num_seqs=batch)), batch
            batch //= 2


def _not_in_vllm(options: EngineOptions, served: Served, machine: ServingMachine) -> str | None:
    """Why vLLM cannot serve this in NF4; None if it can."""
    if served.unservable:
        return served.unservable
    if not machine.has_plugin:
        return "the package vllm-bnb-plugin is not installed"
    return "generator.dtype is float32" if options.dtype == "float32" else None


def _judge(options: EngineOptions, wanted: int, served: Served, machine: ServingMachine, dtype: str) -> EngineChoice:
    dtype = served_dtype(options, machine.device == "cpu", dtype)
    if served.model is None or machine.free is None or machine.total is None:
        return EngineChoice(options, dtype, True, None, "")
    if machine.device == "cpu":
        memory = cpu_memory(served.model, options, dtype, served.longest)
        needed = (memory.weights + memory.cache + memory.rest) * (options.data_parallel_size or 1)
        return EngineChoice(options, dtype, needed <= machine.free and memory.requests > 0, memory, "")
    usable = machine.total * options.gpu_memory_utilization if options.backend == "vllm" else machine.free * 0.95
    batched = batched_tokens(machine.name, machine.total)
    memory = gpu_memory(served.model, options, dtype, batched, usable, served.longest)
    return EngineChoice(options, dtype, memory.requests >= wanted, memory, "")


def _reasons(
    options: EngineOptions, tried: list[EngineChoice], served: Served, machine: ServingMachine
) -> Iterator[str]:
    first, chosen = tried[0], tried[-1]
    if chosen.memory is None:
        yield ": its memory is not known before it is loaded"
    if chosen is not first and first.memory:
        if machine.device == "cuda":
            left, wanted = max(0.0, first.memory.cache) / GIB, min(REQUESTS, options.max_num_seqs)
            yield f"; 16 bits would leave {left:.1f} GiB of cache for {first.memory.requests} requests,"
            yield f" {wanted} are wanted"
        else:
            needed, free = first.memory.weights + first.memory.cache + first.memory.rest, machine.free or 0.0
            yield f"; unquantised it needs {needed / GIB:.1f} GiB, {free / GIB:.1f} GiB are free"
    if chosen.options.backend != options.backend and (reason := _not_in_vllm(options, served, machine)):
        yield f"; not in vLLM: {reason}"
    if served.assumed and chosen.memory:
        yield f" (prompts are not known yet; {served.longest - served.answer} tokens are counted on)"
