"""The engine of a run with everything decided that was left to the machine: precision, engines, quantisation."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path

from toolkit.errors import PreflightError
from toolkit.generation.adapter import Adapter, read_adapter
from toolkit.generation.base_model import check_base
from toolkit.generation.environment import choose_dtype, engines_for, on_cpu
from toolkit.generation.few_shot import FEW_SHOT, read_shots
from toolkit.generation.prompts import Prompt, build_requests
from toolkit.generation.system import System, base_system, context_limit, load_codec
from toolkit.generation.tensor_stream import read_header
from toolkit.generation.unmerged import unservable
from toolkit.model_files import weight_files
from toolkit.options.generation import EngineOptions, GenerateOptions, TunedOptions
from toolkit.options.serving import ServeOptions
from toolkit.planning.generation_fit import ASSUMED_PROMPT, Served, advice, choose_engine, read_serving_machine
from toolkit.planning.generation_memory import ServedModel, read_served
from toolkit.records import read_json
from toolkit.runs.recorder import Recorder


def decided(settings: GenerateOptions, prompts: list[Prompt], recorder: Recorder) -> EngineOptions:
    """The engine's options, none of them still open; what was decided is an event with its numbers.

    Raises:
        PreflightError: the model does not fit, with the numbers and what to change.
        ModelError: model or adapter cannot be used, or do not belong together.
    """
    engine = settings.generator
    count = engines_for(engine.data_parallel_size, engine.gpus_each)
    options = engine.with_options(EngineOptions(data_parallel_size=count))
    if options.server:
        return options
    base = base_system(settings, recorder)
    adapter = read_adapter(settings.adapter) if settings.adapter else None
    if adapter:
        check_base(adapter, settings.model, base.base_name, base.folder, settings.revision)
    system = base if adapter is None else _as_prompted(base, adapter)
    return settled(options, _served(settings, system, adapter, prompts), recorder)


def decided_for_serving(settings: ServeOptions, recorder: Recorder) -> EngineOptions:
    """The same for a server, whose requests are not known: prompts of 512 tokens are counted on.

    Raises:
        PreflightError, ModelError: as `decided`.
    """
    base = base_system(settings, recorder)
    adapter = read_adapter(settings.adapter) if settings.adapter else None
    if adapter:
        check_base(adapter, settings.model, base.base_name, base.folder, settings.revision)
    longest = ASSUMED_PROMPT + settings.max_new_tokens
    served = _weights(settings, base, adapter, longest, settings.max_new_tokens)
    return settled(settings.generator, replace(served, assumed=True), recorder)


def settled(options: EngineOptions, served: Served, recorder: Recorder) -> EngineOptions:
    """What serves it on this machine; an event says what and why.

    Raises:
        PreflightError: it does not fit.
    """
    machine = read_serving_machine(on_cpu())
    choice = choose_engine(options, served, machine, choose_dtype(options.dtype))
    if not choice.fits:
        raise PreflightError(f"Not enough memory on {machine.name} for {choice}; {advice(choice, machine)}")
    recorder.event(
        "engine_chosen", backend=choice.options.backend, quantization=choice.options.quantization, said=str(choice)
    )
    return choice.options.with_options(EngineOptions(dtype=choice.dtype))


def _as_prompted(base: System, adapter: Adapter) -> System:
    """The system as far as its prompts go: tokenizer and format of the adapter."""
    return System(
        base.folder,
        base.base_name,
        base.base_fingerprint,
        adapter=adapter.folder,
        trust_remote_code=base.trust_remote_code,
        base_dir=base.folder,
        lora_rank=1,
    )


def _served(settings: GenerateOptions, system: System, adapter: Adapter | None, prompts: list[Prompt]) -> Served:
    codec = load_codec(system, settings.prompt_format)
    context = context_limit(system, settings.generator.max_model_len)
    requests = build_requests(prompts, codec, settings, context, "")
    if FEW_SHOT in settings.wanted:
        shown = replace(codec, shots=read_shots(settings))
        requests += build_requests(prompts, shown, settings, context, "")
    longest = max((request for request in requests), key=lambda request: len(request.prompt_ids) + request.max_tokens)
    return _weights(settings, system, adapter, max(1, len(longest.prompt_ids) + longest.max_tokens), longest.max_tokens)


def _weights(settings: TunedOptions, system: System, adapter: Adapter | None, longest: int, answer: int) -> Served:
    """What is loaded, and the tokens of its longest request and of its answer."""
    config = read_json(system.folder / "config.json") or {}
    return Served(
        served_model(system.folder),
        longest,
        answer,
        unservable=f"the adapter has {reason}" if adapter and (reason := unservable(adapter)) else None,
        only_16_bits=settings.merge_mode == "base16" or "quantization_config" in config,
    )


def served_model(folder: Path) -> ServedModel | None:
    """What decides the memory of a model folder: its config, and the elements of its weight files."""
    elements = sum(prod(entry.shape) for path in weight_files(folder) for entry in read_header(path)[1])
    return read_served(read_json(folder / "config.json"), elements)
