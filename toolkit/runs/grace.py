"""How long a run that is asked to stop may take: the piece of work that it is in, then saving, then ending."""

from __future__ import annotations

from toolkit.catalog import recipe_of_run
from toolkit.run_folder.folder import RunFolder

# A recipe saves and ends within this, once the step or the like that it is in is done.
SAVE_GRACE_S = 18.0
TERM_GRACE_S = 5.0
KILL_GRACE_S = 4.0
# What ends a recipe that did not end by itself.
END_GRACE_S = TERM_GRACE_S + KILL_GRACE_S + 1.0
# A step may take somewhat longer than the longest so far.
UNIT_MARGIN = 1.5


def unit_s(run: RunFolder) -> float:
    """Seconds of the longest piece of work so far that the run does not leave in the middle, a training's optimiser
    step for one; 0 while it is not known.
    """
    progress = run.progress()
    return progress.unit_s or 0.0 if progress else 0.0


def save_grace_s(run: RunFolder) -> float:
    """How long the recipe may take from the request until it has saved and ended, in seconds. A pipeline's stage has a
    supervisor of its own, which needs the time to end it as well.
    """
    stage = END_GRACE_S if recipe_of_run(run.recipe).stages else 0.0
    return SAVE_GRACE_S + UNIT_MARGIN * unit_s(run) + stage


def term_grace_s(run: RunFolder) -> float:
    """How long what is left of the recipe may take after SIGTERM."""
    return TERM_GRACE_S + (END_GRACE_S if recipe_of_run(run.recipe).stages else 0.0)


def stop_timeout_s(run: RunFolder) -> float:
    """After this the run has ended, whatever its recipe does."""
    return save_grace_s(run) + term_grace_s(run) + KILL_GRACE_S + 5.0
