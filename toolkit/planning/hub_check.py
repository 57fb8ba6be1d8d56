"""Preflight of what comes from the Hugging Face hub: what lies in the cache, what would be fetched, and who may."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from toolkit.hub.cache import hub_cache
from toolkit.hub.models import HubModel, find_hub_model, is_hub_id
from toolkit.options.shared import ModelOptions
from toolkit.planning.check import Check
from toolkit.settings import Settings


@dataclass(frozen=True)
class _Wanted:
    model: str
    revision: str | None
    weights: bool


def check_hub_models(stages: list[Settings]) -> Iterator[Check]:
    """A check of each hub model that the stages load, and of the disk that has to take what is missing.

    All are asked for at once: without a network the longest wait is that for one.
    """
    wanted = list(dict.fromkeys(one for settings in stages for one in _wanted(settings)))
    if not wanted:
        return
    with ThreadPoolExecutor(len(wanted)) as pool:
        found = list(pool.map(lambda one: find_hub_model(one.model, one.revision, one.weights), wanted))
    yield from (_judge(model) for model in found)
    missing = sum(model.bytes_missing for model in found)
    free = shutil.disk_usage(_existing(hub_cache())).free
    if missing > free:
        yield Check(
            "download",
            "refused",
            f"{missing / 1e9:.1f} GB are to be fetched, and {free / 1e9:.1f} GB are free in {hub_cache()}; free some,"
            " or set HF_HOME to a folder on another disk.",
        )


def _wanted(settings: Settings) -> Iterator[_Wanted]:
    for model in settings.loaded_models:
        if is_hub_id(model):
            revision = settings.revision if isinstance(settings, ModelOptions) and settings.model == model else None
            # A server brings the weights itself.
            weights = not (settings.engine and settings.engine.server)
            yield _Wanted(model, revision, weights)


def _judge(model: HubModel) -> Check:
    if model.problem:
        return Check("model", "refused", model.problem)
    size, where = f"{model.bytes_in_all / 1e9:.2f} GB", f"the hub's cache ({hub_cache()})"
    if not model.missing:
        return Check("model", "ok", f"{model.name} {model.commit[:8]}: {size} in {where}")
    part = f"{model.bytes_missing / 1e9:.2f} of {size}" if len(model.missing) < len(model.files) else size
    return Check("model", "ok", f"{model.name} {model.commit[:8]}: {part} will be fetched into {where}")


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
