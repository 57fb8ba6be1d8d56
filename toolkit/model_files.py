"""Which files of a model folder are its weights: those that `model.safetensors.index.json` names, or the one file
`model.safetensors`, and no others.

A folder may hold the weights a second time in another format (`consolidated*.safetensors` of Mistral's own loader) or
an adapter's. Whoever reads all `*.safetensors` counts, copies or serves those instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from toolkit.errors import ModelError
from toolkit.records import JSON, read_json

INDEX_FILE = "model.safetensors.index.json"
SINGLE_FILE = "model.safetensors"


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a model folder in order of their names.

    Raises:
        ModelError: no such files, one that the index names is missing, or two sets that different libraries choose
            between.
    """
    index = folder / INDEX_FILE
    if not index.exists():
        return [_single(folder)]
    names = names_in_index(read_json(index), str(index))
    if (folder / SINGLE_FILE).exists() and SINGLE_FILE not in names:
        raise ModelError(
            f"model: {folder} has {SINGLE_FILE} and an index that names {len(names)} other files; libraries choose"
            " differently between the two: remove one of them."
        )
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise ModelError(
            f"model: {folder} lacks {missing[0]} ({len(missing)} of the {len(names)} files that {INDEX_FILE} names);"
            " download or copy the model again."
        )
    return [folder / name for name in names]


def names_in_index(index: JSON | None, where: str) -> list[str]:
    """The file names of an index; `where` names it in messages.

    Raises:
        ModelError: it is no index, or names files outside its folder.
    """
    weight_map = (index or {}).get("weight_map")
    names = sorted(set(weight_map.values())) if isinstance(weight_map, dict) and _all_text(weight_map.values()) else []
    if not names or any("/" in name or not name.endswith(".safetensors") for name in names):
        raise ModelError(
            f"model: {where} is no index of safetensors files of its own folder; download or save the model again."
        )
    return names


def _all_text(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _single(folder: Path) -> Path:
    others = sorted(path.name for path in folder.glob("*.safetensors") if path.name != SINGLE_FILE)
    if not (folder / SINGLE_FILE).is_file():
        found = f"found {', '.join(others[:3])}" if others else "found no safetensors"
        raise ModelError(
            f"model: {folder} has neither {SINGLE_FILE} nor {INDEX_FILE} ({found}); expected a model folder as saved by"
            " transformers."
        )
    if others:
        raise ModelError(
            f"model: {folder} has {SINGLE_FILE} and {', '.join(others[:3])}, and no {INDEX_FILE} that says which of"
            " them count; move the others out of the folder."
        )
    return folder / SINGLE_FILE
