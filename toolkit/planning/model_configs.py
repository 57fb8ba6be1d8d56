"""A model's config.json before the model is loaded: from its folder, the user's caches, or as far as it is known."""

from __future__ import annotations

from pathlib import Path

from toolkit.bundled import cache_dir
from toolkit.embedded import find_embedded
from toolkit.hub.cache import snapshots
from toolkit.records import JSON, read_json

# The default of the presets, so that its memory is known before the first download. From its own config.json.
SHIPPED: dict[str, JSON] = {
    "mistralai/Mistral-7B-Instruct-v0.2": {
        "model_type": "mistral",
        "num_hidden_layers": 32,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 32000,
        "tie_word_embeddings": False,
    },
}


def find_model_config(model: str, revision: str | None = None) -> JSON | None:
    """The config of a model as the user names it; None for a hub model that was never downloaded."""
    folder = find_model_folder(model, revision)
    if (embedded := find_embedded(model)) and folder is None:
        return embedded.shape
    return (read_json(folder / "config.json") if folder else None) or SHIPPED.get(model)


def find_model_folder(model: str, revision: str | None = None) -> Path | None:
    """Where the model's files are on this machine; None for one that was not downloaded or converted yet."""
    if embedded := find_embedded(model):
        folder = cache_dir() / "models" / embedded.name
        return folder if (folder / "config.json").is_file() else None
    folder = Path(model).expanduser()
    return folder if folder.is_dir() else _downloaded(model, revision)


def _downloaded(model: str, revision: str | None) -> Path | None:
    """From the hub's cache, newest snapshot first."""
    kept = snapshots(model)
    wanted = [path for path in kept if revision is None or path.name.startswith(revision)] or kept
    return next((path for path in wanted if read_json(path / "config.json")), None)
