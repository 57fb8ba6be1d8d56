"""A checkpoint on request: a viewer drops a file into the run folder, and the training answers with a checkpoint and
goes on.
"""

from __future__ import annotations

import time
from pathlib import Path

from toolkit.errors import SteptuneError, UsageError
from toolkit.records import write_json
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder

POLL_S = 0.2


def ask_for_checkpoint(run: RunFolder) -> None:
    """Ask a running sft run for a checkpoint after its current step. Asking again before the answer changes nothing.

    Raises:
        UsageError: the run is of another recipe, or it is not running.
    """
    if run.recipe != "sft":
        hint = f"; its training is {run.id}/sft" if run.recipe == "pipeline" else ""
        raise UsageError(f"The run {run.id} is a {run.recipe} run, and only sft writes checkpoints{hint}.")
    state = run.state()
    if not state.is_live:
        raise UsageError(
            f"The run {run.id} is {state}; a checkpoint can be asked for while it runs, and `steptune resume {run.id}`"
            " continues it."
        )
    write_json(run.checkpoint_request_file, {"asked": round(time.time(), 3)})


def wait_for_checkpoint(run: RunFolder, since: float) -> tuple[int, Path]:
    """Step and folder of the first `checkpoint_saved` event after `since` (seconds since 1970) that answered a request.

    Raises:
        SteptuneError: the run ended before it saved one.
    """
    while True:
        running = run.state().is_live
        for event in run.events():
            if event.name == EventName.CHECKPOINT_SAVED and event.fields.get("asked") and event.time >= since:
                return event.fields["step"], run.path / event.fields["path"]
        if not running:
            raise SteptuneError(
                f"The run {run.id} {run.state()} before it saved the checkpoint; see `steptune logs {run.id}`."
            )
        time.sleep(POLL_S)


def checkpoint_asked(run_dir: Path) -> bool:
    """Whether a checkpoint was asked for and not yet saved; one look at the file system."""
    return RunFolder(run_dir).checkpoint_request_file.exists()


def answered(run_dir: Path) -> None:
    """Take the request away: the checkpoint is saved."""
    RunFolder(run_dir).checkpoint_request_file.unlink(missing_ok=True)
