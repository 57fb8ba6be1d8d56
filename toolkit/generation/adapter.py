"""What a LoRA adapter does to each tensor of its base model, read from its folder without loading the base model.

Reads PEFT's `adapter_config.json` and `adapter_model.safetensors` and, where sft wrote it, `training.json`. Whatever
the merge cannot express is refused here: leaving it out would serve another function than the one that was trained.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from toolkit.errors import ModelError
from toolkit.options.merge import MergeChoice
from toolkit.records import read_json, sha256_file, sha256_json

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
TRAINING_FILE = "training.json"
MergeMode = Literal["dequantised", "base16"]
_PREFIX = "base_model.model."
_PARTS = re.compile(
    r"^(?P<layer>.+)\.(?P<part>lora_A|lora_B|lora_embedding_A|lora_embedding_B|lora_magnitude_vector)(\.weight)?$"
)
# Initialisations that change the base weights themselves: the adapter is a difference to weights that are nowhere on
# disk.
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
_REFUSED_OPTIONS = (
    "use_qalora",
    "lora_bias",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "use_bdlora",
    "arrow_config",
    "velora_config",
)


@dataclass(frozen=True)
class LayerUpdate:
    """The LoRA matrices of one layer as names in the adapter file; `scale` is alpha/r, or alpha/sqrt(r) with rslora."""

    a: str
    b: str
    scale: float
    magnitude: str | None = None
    embedding: bool = False


@dataclass(frozen=True)
class Adapter:
    """An adapter folder. `updates` and `replacements` map a base tensor's name to what happens to it."""

    folder: Path
    config: dict[str, Any]
    training: dict[str, Any]
    updates: dict[str, LayerUpdate]
    replacements: dict[str, str] = field(default_factory=dict)

    @property
    def base_model(self) -> str | None:
        """The base model as its maker named it."""
        return self.training.get("base_model") or self.config.get("base_model_name_or_path")

    @property
    def fan_in_fan_out(self) -> bool:
        return bool(self.config.get("fan_in_fan_out"))

    def without_weights(self) -> Adapter:
        """The same folder with nothing to merge: what is left of a merge is the rounding of the base."""
        return replace(self, updates={}, replacements={})

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape that each changed base tensor must have, where the adapter alone determines it."""
        from safetensors import safe_open

        with safe_open(self.folder / WEIGHTS_FILE, "pt") as file:
            of = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (not a dict)
        shapes = {}
        for name, update in self.updates.items():
            rows, columns = of[update.b][0], of[update.a][1]
            shapes[name] = (columns, rows) if self.fan_in_fan_out or update.embedding else (rows, columns)
        return {**shapes, **{name: of[key] for name, key in self.replacements.items()}}

    def fingerprint(self) -> str:
        """SHA-256 over the files that decide what the merged model computes and how it is prompted."""
        names = (
            CONFIG_FILE,
            WEIGHTS_FILE,
            TRAINING_FILE,
            "prompt_format.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
        )
        return sha256_json(
            [[name, sha256_file(self.folder / name)] for name in names if (self.folder / name).is_file()]
        )


def read_adapter(folder: Path) -> Adapter:
    """The adapter in a folder.

    Raises:
        ModelError: no LoRA adapter there, a damaged file, or a kind of adapter that cannot be merged without loss.
    """
    config = read_json(folder / CONFIG_FILE)
    if config is None or not (folder / WEIGHTS_FILE).is_file():
        raise ModelError(
            f"adapter: {folder} has no readable {CONFIG_FILE} with {WEIGHTS_FILE}; expected an adapter folder as sft or"
            " PEFT writes it."
        )
    _require_mergeable(config, folder)
    updates, replacements = _read_tensors(folder, config)
    return Adapter(folder, config, read_json(folder / TRAINING_FILE) or {}, updates, replacements)


def choose_merge_mode(requested: MergeChoice, adapter: Adapter) -> MergeMode:
    """`auto` is `dequantised` for an adapter whose training.json says nf4, and `base16` for all others."""
    if requested == "auto":
        return "dequantised" if adapter.training.get("quantization") == "nf4" else "base16"
    return requested


def _require_mergeable(config: dict[str, Any], folder: Path) -> None:
    if config.get("peft_type") != "LORA":
        raise ModelError(
            f"adapter: {folder} is of type {config.get('peft_type')!r}; only LORA adapters (DoRA and rslora included)"
            " can be merged."
        )
    init = str(config.get("init_lora_weights", "")).lower()
    if init.startswith(_CHANGES_BASE):
        raise ModelError(
            f"adapter: {folder} was initialised with {init}, which changed the base weights; convert it to plain LoRA"
            " with PEFT before merging."
        )
    found = [option for option in _REFUSED_OPTIONS if config.get(option)]
    if found:
        raise ModelError(
            f"adapter: {folder} uses {', '.join(found)}, which the merge does not know; merge it with PEFT and give the"
            " merged folder as model."
        )


def _read_tensors(folder: Path, config: dict[str, Any]) -> tuple[dict[str, LayerUpdate], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    parts: dict[str, dict[str, str]] = {}
    replacements: dict[str, str] = {}
    ranks: dict[str, int] = {}
    try:
        with safe_open(folder / WEIGHTS_FILE, "pt") as file:
            for key in file.keys():  # noqa: SIM118 (not a dict)
                name = key.removeprefix(_PREFIX)
                match = _PARTS.match(name)
                if match is None:  # a module saved whole, or the base weights that PEFT stores with a trained embedding
                    replacements[name.replace(".base_layer.", ".")] = key
                    continue
                parts.setdefault(match["layer"], {})[match["part"]] = key
                if match["part"] in ("lora_A", "lora_embedding_A"):
                    ranks[match["layer"]] = file.get_slice(key).get_shape()[0]
    except SafetensorError as error:
        raise ModelError(f"adapter: {folder / WEIGHTS_FILE} is damaged ({error}); copy or train it again.") from error
    return {
        f"{layer}.weight": _update(layer, found, ranks, config, folder) for layer, found in parts.items()
    }, replacements


def _update(
    layer: str, found: dict[str, str], ranks: dict[str, int], config: dict[str, Any], folder: Path
) -> LayerUpdate:
    embedding = "lora_embedding_A" in found
    prefix = "lora_embedding_" if embedding else "lora_"
    if f"{prefix}A" not in found or f"{prefix}B" not in found:
        raise ModelError(
            f"adapter: {folder} has only one of the two LoRA matrices of {layer}; the file is incomplete, copy or train"
            " it again."
        )
    alpha = _by_pattern(config.get("alpha_pattern") or {}, layer, config["lora_alpha"])
    rank = ranks[layer]
    scale = alpha / rank**0.5 if config.get("use_rslora") else alpha / rank
    magnitude = found.get("lora_magnitude_vector")
    if bool(config.get("use_dora")) != (magnitude is not None) or (magnitude and embedding):
        raise ModelError(
            f"adapter: {folder}: use_dora is {bool(config.get('use_dora'))}, which does not fit the magnitudes stored"
            f" for {layer}; DoRA is merged for linear layers only."
        )
    return LayerUpdate(found[f"{prefix}A"], found[f"{prefix}B"], scale, magnitude, embedding)


def _by_pattern(patterns: dict[str, float], layer: str, default: float) -> float:
    """PEFT's rule: a key is a regular expression that matches the whole name or its end behind a dot; the first one
    wins.
    """
    return next((value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", layer)), default)
