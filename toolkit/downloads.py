"""Models of the hub on this machine's disk: downloaded where they are not, with the bytes so far in the run's progress.

The files that preflight counts (toolkit.hub.models) are the files that are fetched.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from toolkit.errors import Cancelled, DiskFullError, ModelError
from toolkit.hub.cache import model_folder
from toolkit.hub.models import HubModel, find_hub_model
from toolkit.records import is_disk_full
from toolkit.runs.recorder import Recorder

LOOK_EVERY_S = 0.5
DOWNLOAD = "download"  # the phase of a run's progress, in bytes


def local_model(
    resolved: str, revision: str | None = None, weights: bool = True, recorder: Recorder | None = None
) -> Path:
    """Folder of a resolved model; a hub id is downloaded to the hub's own cache: configuration, tokenizer and, where
    `weights`, the weight files that its index names.

    Raises:
        ModelError: the hub does not have it, cannot be reached or refuses it, or the download broke off.
        DiskFullError: no space in the cache.
        Cancelled: the run was asked to stop; what has arrived is kept.
    """
    if Path(resolved).is_dir():
        return Path(resolved)
    model = find_hub_model(resolved, revision, weights)
    if model.problem:
        raise ModelError(f"model: {model.problem}")
    if model.missing:
        _fetch(model, recorder or Recorder(None))
    return model.snapshot


def _fetch(model: HubModel, recorder: Recorder) -> None:
    """Download in a thread, look at the disk meanwhile: a bar of the library would tell less, and to nobody."""
    errors: list[BaseException] = []
    worker = threading.Thread(target=_download, args=(model, recorder, errors), daemon=True)
    before, expected = _bytes_on_disk(model), model.bytes_missing
    recorder.event("download_started", model=model.name, commit=model.commit, bytes=expected)
    started = time.monotonic()
    worker.start()
    while worker.is_alive():
        recorder.progress(DOWNLOAD, min(_bytes_on_disk(model) - before, expected), expected)
        recorder.check_stop()
        worker.join(LOOK_EVERY_S)
    if errors:
        raise _explained(model, errors[0], _bytes_on_disk(model) - before) from errors[0]
    recorder.progress(DOWNLOAD, expected, expected)
    recorder.event("downloaded", model=model.name, seconds=round(time.monotonic() - started, 1))


def _download(model: HubModel, recorder: Recorder, errors: list[BaseException]) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import tqdm

    class Stoppable(tqdm):
        """No bar; the library calls it after every piece, which is where a transfer can be ended."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **{**named, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            recorder.check_stop()
            return bool(super().update(n))

    try:
        snapshot_download(model.name, revision=model.commit, allow_patterns=list(model.files), tqdm_class=Stoppable)
    except BaseException as error:  # raised again, explained, in the caller's thread
        errors.append(error)


def _bytes_on_disk(model: HubModel) -> int:
    """Bytes that the hub's cache holds of the model, unfinished files included."""
    total = 0
    for path in (model_folder(model.name) / "blobs").glob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # finished in this moment, under another name
            continue
    return total


def _explained(model: HubModel, error: BaseException, arrived: int) -> Exception:
    if isinstance(error, Cancelled):
        return error
    if isinstance(error, OSError) and is_disk_full(error):
        return DiskFullError(
            f"No space left in {model_folder(model.name)} while downloading {model.name}; free"
            f" {(model.bytes_missing - arrived) / 1e9:.1f} GB, or set HF_HOME to a folder on another disk."
        )
    reason = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
    return ModelError(
        f"model: the download of {model.name} broke off at {arrived / 1e9:.2f} of {model.bytes_missing / 1e9:.2f} GB"
        f" ({reason}); what has arrived is kept, and `steptune resume` fetches the rest."
    )
