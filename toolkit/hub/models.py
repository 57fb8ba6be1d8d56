"""What the hub has of a model, what of it lies in this machine's cache, and what would be fetched."""

from __future__ import annotations

import re
import time
import urllib.parse
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

from toolkit.errors import ModelError
from toolkit.hub.cache import NEWEST, cached_snapshot, hub_cache, model_folder
from toolkit.hub.wire import ask, is_offline, shown_endpoint
from toolkit.model_files import INDEX_FILE, SINGLE_FILE, names_in_index
from toolkit.records import read_json
from toolkit.text_files import parse_json

SMALL_FILES = ("*.json", "*.model", "*.jinja", "*.txt", "*.py")
OLD_SINGLE_FILE = "pytorch_model.bin"  # of encoders that were never saved as safetensors
_ANSWER_KEPT_S = 60
_COMMIT = re.compile(r"\w{1,64}")  # it names a folder of the cache


@dataclass(frozen=True)
class HubModel:
    """A model that the hub keeps. `files` maps what a run reads to its bytes; without an answer of the hub it holds
    what lies in the cache. `snapshot` is the folder that has, or will have, all of them.

    `problem` says why the missing files cannot be fetched, and what to do; None where they can be, or none is missing.
    """

    name: str
    commit: str
    snapshot: Path
    files: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    problem: str | None = None

    @property
    def bytes_missing(self) -> int:
        return sum(self.missing.values())

    @property
    def bytes_in_all(self) -> int:
        return sum(self.files.values())


def is_hub_id(model: str) -> bool:
    """Whether a model's name, as the user gives it, is neither a folder nor an embedded model."""
    return ":" not in model and not model.startswith((".", "/", "~")) and not Path(model).is_dir()


def find_hub_model(name: str, revision: str | None = None, weights: bool = True) -> HubModel:
    """What a run of this model reads: from the hub's answer, or from the cache where the hub cannot be asked.

    `weights`: False for the tokenizer and the configuration alone.
    """
    try:
        commit, files, gated = _listing(name, revision or NEWEST, weights, int(time.monotonic() // _ANSWER_KEPT_S))
    except ModelError as unanswered:
        kept = cached_snapshot(name, revision)
        if kept is not None and _is_complete(kept, weights):
            files = {path.name: path.stat().st_size for path in kept.iterdir() if path.is_file()}
            return HubModel(name, kept.name, kept, files)
        return HubModel(name, "", hub_cache(), problem=str(unanswered))
    snapshot = model_folder(name) / "snapshots" / commit
    missing = {file: size for file, size in files.items() if not (snapshot / file).is_file()}
    problem = _refused_access(name, commit, next(iter(missing))) if missing and gated else None
    return HubModel(name, commit, snapshot, files, missing, problem)


def _is_complete(snapshot: Path, weights: bool) -> bool:
    if not (snapshot / "config.json").is_file():
        return False
    names = [path.name for path in snapshot.iterdir() if path.is_file()]
    if not weights:
        return True
    if INDEX_FILE in names:
        index = read_json(snapshot / INDEX_FILE)
        return set(names_in_index(index, str(snapshot / INDEX_FILE))) <= set(names)
    return SINGLE_FILE in names or OLD_SINGLE_FILE in names


@lru_cache(maxsize=32)
def _listing(name: str, revision: str, weights: bool, minute: int) -> tuple[str, dict[str, int], bool]:
    """Commit, files that a run reads with their bytes, and whether access must be asked for. `minute` ages the cache.

    Raises:
        ModelError: the hub does not answer, or has no such model for this token.
    """
    del minute
    if is_offline():
        raise ModelError(
            f"{name} is not in the hub's cache ({hub_cache()}), and HF_HUB_OFFLINE is set; unset it, copy the model"
            " into the cache, or give a folder."
        )
    quoted = urllib.parse.quote(revision, safe="")
    commit, sizes, gated = _described(name, ask(name, f"/api/models/{name}/revision/{quoted}?blobs=true"))
    wanted = [file for file in sizes if "/" not in file and any(fnmatch(file, kind) for kind in SMALL_FILES)]
    if weights:
        wanted += _weights_of(name, commit, sizes)
    return commit, {file: sizes.get(file, 0) for file in wanted}, gated


def _described(name: str, answer: bytes) -> tuple[str, dict[str, int], bool]:
    """Commit, bytes by file, and whether it is gated. Raises ModelError for an answer that no hub gives."""
    found = parse_json(answer.decode("utf-8", "replace"))
    try:
        if not isinstance(found, dict) or not _COMMIT.fullmatch(str(found["sha"])):
            raise ValueError("no commit")
        sizes = {str(file["rfilename"]): int(file.get("size") or 0) for file in found.get("siblings", [])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"What answers at {shown_endpoint()} does not describe {name} as a hub does; check the network (a page to"
            " log in?) and HF_ENDPOINT, or give a folder."
        ) from error
    return str(found["sha"]), sizes, bool(found.get("gated"))


def _weights_of(name: str, commit: str, sizes: dict[str, int]) -> list[str]:
    """The index decides, where there is one; a gated model's is not shown to everybody, and its shards are known by
    their names.
    """
    if INDEX_FILE in sizes:
        try:
            index = parse_json(ask(name, f"/{name}/resolve/{commit}/{INDEX_FILE}").decode("utf-8", "replace"))
        except ModelError:
            return [file for file in sizes if fnmatch(file, "model-*-of-*.safetensors")]
        return names_in_index(index if isinstance(index, dict) else None, f"{name}/{INDEX_FILE}")
    return [file for file in (SINGLE_FILE, OLD_SINGLE_FILE) if file in sizes][:1]


def _refused_access(name: str, commit: str, file: str) -> str | None:
    """Why the hub does not hand out a file of a gated model; None where it does."""
    try:
        ask(name, f"/{name}/resolve/{commit}/{file}", method="HEAD")
    except ModelError as refused:
        return str(refused)
    return None
