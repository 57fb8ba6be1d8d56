"""What preflight says of a generation before anything is downloaded: the engine that will answer, and its memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from toolkit.bundled import cache_dir
from toolkit.errors import ModelError
from toolkit.model_files import weight_files
from toolkit.options.generation import GenerateOptions
from toolkit.options.serving import ServeOptions
from toolkit.options.training import SftOptions
from toolkit.planning import training_machine
from toolkit.planning.check import Check, Level
from toolkit.planning.generation_fit import (
    ASSUMED_PROMPT,
    INSTALL_NF4,
    EngineChoice,
    Served,
    ServingMachine,
    advice,
    choose_engine,
)
from toolkit.planning.generation_memory import DTYPE_BYTES, RANKS, read_served
from toolkit.planning.model_configs import find_model_config
from toolkit.records import JSON, read_json

SERVING = "serving"


def check_generation(
    settings: GenerateOptions | ServeOptions, training: SftOptions | None, machine: ServingMachine
) -> Iterator[Check]:
    """What would answer here with its numbers, and the disk that a merge takes; nothing for a server.

    Args:
        training: the training whose adapter is to be served, where there is no adapter yet.
    """
    options = settings.generator
    if options.server:
        return
    if (options.backend, options.quantization, machine.has_plugin) == ("vllm", "nf4", False):
        yield Check(
            SERVING,
            "refused",
            f"generator.quantization is nf4, and vllm-bnb-plugin is not installed; {INSTALL_NF4}, or set"
            " generator.backend=transformers.",
        )
        return
    dtype = options.dtype
    if dtype == "auto":
        dtype = "bfloat16" if machine.device == "cuda" or training_machine.cpu_has_bf16() else "float32"
    try:
        served = served_by(settings, training)
    except ModelError as error:  # a folder with two sets of weights, or with some missing
        yield Check("model", "refused", str(error))
        return
    choice = choose_engine(options, served, machine, dtype)
    if choice.fits:
        yield Check(SERVING, "warning" if choice.memory is None else "ok", _sentence(choice, machine))
    else:
        level: Level = "refused" if machine.device == "cuda" else "warning"
        yield Check(SERVING, level, f"{_sentence(choice, machine)}; does not fit: {advice(choice, machine)}")
    if (settings.adapter or training) and not choice.options.applies_adapter:
        yield from _judge_space(served, settings.adapter is None)


def _judge_space(served: Served, refuse: bool) -> Iterator[Check]:
    """The merged copy goes to the cache. `refuse`: it cannot be there yet, for its adapter is not."""
    if served.model is None:
        return
    place = next(folder for folder in (cache_dir(), *cache_dir().parents) if folder.exists())
    needed, free = 2 * (served.model.linear + served.model.rest), shutil.disk_usage(place).free
    if free < needed:
        yield Check(
            "merge space",
            "refused" if refuse else "warning",
            f"the merged model takes {needed / 1e9:.1f} GB in {cache_dir()}, {free / 1e9:.1f} GB are free; free some,"
            " set STEPTUNE_CACHE to another disk, or generator.quantization=nf4, which merges nothing.",
        )


def served_by(settings: GenerateOptions | ServeOptions, training: SftOptions | None) -> Served:
    """What a generation serves, as far as it is known before models and prompts are there."""
    config = find_model_config(settings.model, settings.revision)
    context = settings.generator.max_model_len
    longest = ASSUMED_PROMPT + settings.max_new_tokens
    return Served(
        read_served(config, _elements(Path(settings.model).expanduser(), config)),
        longest if context is None else min(longest, context),
        min(settings.max_new_tokens, longest),
        assumed=True,
        unservable=_unservable(settings, training),
        only_16_bits=settings.merge_mode == "base16" or "quantization_config" in (config or {}),
    )


def _sentence(choice: EngineChoice, machine: ServingMachine) -> str:
    has = "" if machine.total is None else f" of {machine.total / 2**30:.0f} GiB"
    return f"{choice}; {machine.name}{has}"


def _elements(folder: Path, config: JSON | None) -> int | None:
    """Elements of a folder's weights by the size of its files; None for a model that is no folder."""
    if config is None or not folder.is_dir():
        return None
    stored = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    size = sum(path.stat().st_size for path in weight_files(folder))
    return size // DTYPE_BYTES.get(stored, 2)


def _unservable(settings: GenerateOptions | ServeOptions, training: SftOptions | None) -> str | None:
    """What the adapter has, or will have, that vLLM does not serve unmerged."""
    if settings.adapter:
        config = read_json(settings.adapter / "adapter_config.json") or {}
        rank = max([int(config.get("r") or 1), *map(int, (config.get("rank_pattern") or {}).values())])
        dora, whole = bool(config.get("use_dora")), bool(config.get("modules_to_save"))
    elif training:
        rank, dora, whole = training.lora_r, training.use_dora, False
    else:
        return None
    found = {"DoRA": dora, "modules saved whole": whole, f"rank {rank} (at most {RANKS[-1]})": rank > RANKS[-1]}
    reasons = [reason for reason, is_so in found.items() if is_so]
    return f"the adapter has {' and '.join(reasons)}" if reasons else None
