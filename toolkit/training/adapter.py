"""The adapter folder: what generate needs to serve exactly what was trained, and training.json to say how it came
about.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from toolkit.errors import ModelError
from toolkit.prompting import save_format
from toolkit.records import read_json, write_json, write_text
from toolkit.training.model_card import render_card
from toolkit.training.record import TrainingRecord

TRAINING_FILE = "training.json"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def save_adapter(training: TrainingRecord, folder: Path) -> None:
    """Make `folder` from the best step's adapter: PEFT files, tokenizer with its chat template, prompt format,
    training.json, model card.

    The adapter's config names the base model as the user did (`embedded:...`, a hub id or a path), not a cache folder
    of this machine. The folder appears whole or not at all.

    Raises:
        ModelError: the checkpoint holds no adapter.
    """
    checkpoint = training.trained.checkpoint
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
    write_json(partial / "adapter_config.json", {**config, "base_model_name_or_path": training.options.model})
    training.prepared.tokenizer.save_pretrained(partial)
    save_format(training.prepared.prompt_format, partial)
    write_json(partial / TRAINING_FILE, training.to_json())
    write_text(partial / "README.md", render_card(training))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
