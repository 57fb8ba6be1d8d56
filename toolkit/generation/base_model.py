"""The base model under an adapter: where its files are, and whether it is the one that the adapter was trained on."""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import ModelError
from toolkit.generation.adapter import Adapter
from toolkit.generation.tensor_stream import read_header
from toolkit.model_files import INDEX_FILE, SINGLE_FILE, names_in_index, weight_files
from toolkit.models import fingerprint_model, require_weights
from toolkit.records import read_json

_SMALL_FILES = ["*.json", "*.model", "*.jinja", "*.txt", "*.py"]


def local_model(resolved: str, revision: str | None = None, weights: bool = True) -> Path:
    """Folder of a resolved model; a hub id is downloaded to the hub's own cache: configuration, tokenizer and, where
    `weights`, the weight files that its index names.

    Raises:
        ModelError: the hub does not have it, cannot be reached, or has no safetensors.
    """
    if Path(resolved).is_dir():
        return Path(resolved)
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(resolved, revision=revision, allow_patterns=_SMALL_FILES))
        if weights:
            index = folder / INDEX_FILE
            names = names_in_index(read_json(index), f"{resolved}/{INDEX_FILE}") if index.exists() else [SINGLE_FILE]
            folder = Path(snapshot_download(resolved, revision=folder.name, allow_patterns=[*_SMALL_FILES, *names]))
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ModelError(
            f"model: {resolved} was not found here and could not be downloaded ({reason}); check the name, the network"
            " and the access rights, or give a folder."
        ) from error
    if weights:
        require_weights(folder)
    return folder


def check_base(adapter: Adapter, given: str, resolved: str, base_dir: Path, revision: str | None = None) -> str:
    """Make sure that the adapter belongs to this base; returns what was compared: `fingerprint` or `shapes`.

    training.json's fingerprint decides. Where it cannot be compared (none recorded, or it stands for a hub name and the
    base is a folder), names and shapes of all changed tensors must fit.

    Raises:
        ModelError: another base model, or another revision of it.
    """
    recorded = adapter.training.get("base_fingerprint")
    trained_on = adapter.base_model or "a model it does not name"
    _check_revision(adapter, given, resolved, base_dir, revision)
    _check_shapes(adapter, given, base_dir, trained_on)
    if recorded is None:
        return "shapes"
    if recorded in (fingerprint_model(resolved), fingerprint_model(str(base_dir))):
        return "fingerprint"
    if recorded == fingerprint_model(trained_on) and not Path(trained_on).is_dir():
        return "shapes"
    raise ModelError(
        f"The adapter {adapter.folder} was trained on {trained_on} (fingerprint {recorded[:12]}), but model is {given}"
        f" (fingerprint {fingerprint_model(resolved)[:12]}); set model to the adapter's base."
    )


def _check_revision(adapter: Adapter, given: str, resolved: str, base_dir: Path, revision: str | None) -> None:
    """A hub model's snapshot is in a folder that is named by its commit."""
    trained = adapter.training.get("revision")
    if trained is None or Path(resolved).is_dir() or trained in (revision, base_dir.name):
        return
    raise ModelError(
        f"The adapter {adapter.folder} was trained on revision {trained} of {adapter.base_model}, but model is {given}"
        f" at revision {revision or base_dir.name}; set revision={trained}."
    )


def _check_shapes(adapter: Adapter, given: str, base_dir: Path, trained_on: str) -> None:
    stored = {entry.name: entry.shape for path in weight_files(base_dir) for entry in read_header(path)[1]}
    tied_head = "lm_head.weight" not in stored
    for name, shape in adapter.shapes().items():
        if tied_head and name == "lm_head.weight":
            continue  # refused by the merge with the reason: one tensor cannot be head and embedding at once
        if stored.get(name) != shape:
            found = f"has {list(stored[name])}" if name in stored else "has no such tensor"
            raise ModelError(
                f"The adapter {adapter.folder} was trained on {trained_on} and expects {name} with shape {list(shape)};"
                f" {given} {found}. Set model to the adapter's base."
            )
