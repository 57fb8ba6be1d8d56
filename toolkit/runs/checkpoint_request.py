"""A checkpoint on request: a viewer drops a file into the run folder, and the training answers with a checkpoint and
goes on.
"""

from __future__ import annotations

import time
from pathlib import Path

from toolkit import catalog
from toolkit.errors import SteptuneError, UsageError
from toolkit.records import write_json
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder

POLL_S = 0.2


def ask_for_checkpoint(run: RunFolder) -> None:
    """Ask a running training for a checkpoint after its current step. Asking again before the answer changes nothing.

    Raises:
        UsageError: the run is of another recipe, or it is not running.
    """
    if not catalog.recipe_of_run(run.recipe).trains:
        names = catalog.names_where(lambda recipe: recipe.trains)
        stages = catalog.recipe_of_run(run.recipe).stages
        training = next((stage.name for stage in stages if catalog.RECIPES[stage.recipe].trains), None)
        hint = f"; its training is {run.id}/{training}" if training else ""
        raise UsageError(f"The run {run.id} is a {run.recipe} run, and only {names} writes checkpoints{hint}.")
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
