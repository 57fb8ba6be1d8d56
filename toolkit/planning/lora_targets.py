"""Which matrices of a model LoRA could be put on, by the headers of its weight files: for names that fit no module and
ranks that no matrix has.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path

from toolkit.errors import ModelError
from toolkit.model_files import weight_files
from toolkit.options.training import SftOptions
from toolkit.planning.model_configs import find_model_folder
from toolkit.records import JSON

_LONGEST_HEADER = 100 << 20  # bytes: safetensors' own limit
_SHOWN = 12


def lora_refusals(settings: SftOptions) -> Iterator[str]:
    """Why the LoRA that was asked for cannot be put on this model; nothing for weights that are not here yet."""
    folder = find_model_folder(settings.model, settings.revision)
    matrices = _matrices(folder) if folder else {}
    if not matrices:
        return
    last_parts = sorted({name.rpartition(".")[2] for name in matrices})
    for wrong in settings.unknown_modules(matrices):
        near = difflib.get_close_matches(wrong, last_parts, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are: {', '.join(last_parts[:_SHOWN])}"
        yield f"target_modules names {wrong}, which is no matrix of {settings.model}; {meant}"
    largest = max(min(shape) for shape in matrices.values())
    if settings.lora_r > largest:
        yield (
            f"lora_r={settings.lora_r} is more than any matrix of {settings.model} has ({largest}); give at most"
            f" {largest}."
        )


def _matrices(folder: Path) -> dict[str, tuple[int, int]]:
    """Rows and columns of every module that is one matrix, by its dotted name."""
    found = {}
    try:
        files = weight_files(folder)
    except ModelError:  # loading says what is wrong with them
        return {}
    for file in files:
        for name, tensor in _header(file).items():
            shape = tensor.get("shape", [])
            if name.endswith(".weight") and len(shape) == 2:
                found[name.removesuffix(".weight")] = (int(shape[0]), int(shape[1]))
    return found


def _header(file: Path) -> JSON:
    """The JSON at the head of a safetensors file; {} for one that is damaged, which loading will say."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length)) if length <= _LONGEST_HEADER else {}
    except (OSError, ValueError):
        return {}
    return {name: tensor for name, tensor in header.items() if isinstance(tensor, dict) and name != "__metadata__"}
