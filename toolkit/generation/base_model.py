"""The base model under an adapter: whether it is the one that the adapter was trained on."""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import ModelError
from toolkit.generation.adapter import Adapter
from toolkit.generation.tensor_stream import read_header
from toolkit.model_files import weight_files
from toolkit.models import fingerprint_model


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
