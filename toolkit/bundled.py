"""Where the files that come with steptune lie, in a checkout or in the installed wheel, and the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path


def _root() -> Path:
    """Folder that holds recipes/ and accelerate_configs/: the checkout, or toolkit/bundle in the wheel."""
    package = Path(__file__).resolve().parent
    checkout = package.parent
    return checkout if (checkout / "accelerate_configs").is_dir() else package / "bundle"


def recipes_dir() -> Path:
    return _root() / "recipes"


def accelerate_configs_dir() -> Path:
    return _root() / "accelerate_configs"


def cache_dir() -> Path:
    """`$STEPTUNE_CACHE`, or steptune under the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("STEPTUNE_CACHE") or Path(base) / "steptune")


def resolve_bundled(path: str) -> Path:
    """`bundled:sample/howto` as a path of the recipes folder; any other text as it is."""
    prefix = "bundled:"
    return recipes_dir() / path[len(prefix) :] if path.startswith(prefix) else Path(path)
