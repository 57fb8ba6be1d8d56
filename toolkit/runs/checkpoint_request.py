"""A checkpoint on request: a viewer drops a file into the run folder, and the training answers with a checkpoint and
goes on.
"""

from __future__ import annotations

import time
from pathlib import Path

from toolkit.errors import SteptuneError
from toolkit.records import write_json
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.refusals import RunAsItIs, require

POLL_S = 0.2


def ask_for_checkpoint(run: RunFolder) -> None:
    """Ask a running training for a checkpoint after its current step. Asking again before the answer changes nothing.

    Raises:
        UsageError: the run is of another recipe, or it is not running.
    """
    require(RunAsItIs.read(run).no_checkpoint)
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
