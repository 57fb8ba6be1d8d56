"""The adapter folder: what generate needs to serve exactly what was trained, and training.json to say how it came
about.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import ModelError
from toolkit.prompting import PromptFormat, save_format
from toolkit.records import JSON, read_json, write_json, write_text
from toolkit.training.model_card import render_card

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TRAINING_FILE = "training.json"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
VERSIONED = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes", "deepspeed", "datasets")


def save_adapter(
    checkpoint: Path,
    base_model: str,
    tokenizer: PreTrainedTokenizerBase,
    prompt_format: PromptFormat,
    training: JSON,
    folder: Path,
) -> None:
    """Make `folder` from a checkpoint's adapter: PEFT files, tokenizer with its chat template, prompt format,
    training.json, model card.

    The adapter's config names the base model as the user did (`embedded:...`, a hub id or a path), not a cache folder
    of this machine. The folder appears whole or not at all.

    Raises:
        ModelError: the checkpoint holds no adapter.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in ADAPTER_FILES:
        if not (checkpoint / name).is_file():
            raise ModelError(
                f"{checkpoint} has no {name}; the best step's checkpoint is damaged. Remove it and resume the run."
            )
        shutil.copyfile(checkpoint / name, partial / name)
    config = read_json(partial / "adapter_config.json") or {}
    write_json(partial / "adapter_config.json", {**config, "base_model_name_or_path": base_model})
    tokenizer.save_pretrained(partial)
    save_format(prompt_format, partial)
    write_json(partial / TRAINING_FILE, training)
    write_text(partial / "README.md", render_card(training))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)


def library_versions() -> dict[str, str]:
    """Versions of the libraries that shape the result; those not installed are left out."""
    versions = {}
    for name in VERSIONED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
