"""The rule by which a sweep ends early losers.

After a share S of its steps (`--stop-after S`) a training is judged once, by its first validation loss at or after that
point: it is ended where this loss is higher than the median of those that the other runs of the sweep had there, of at
least three. What was saved stays, and `resume` goes on with it.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from toolkit.catalog import RECIPES, recipe_of_run
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.sweep_folder import SweepFolder, sweep_of

FEWEST_OTHERS = 3


@dataclass
class StopRule:
    """The rule for one run; it judges once."""

    run: RunFolder
    sweep: SweepFolder
    share: float
    judged: bool = False

    @classmethod
    def of(cls, run: RunFolder) -> StopRule | None:
        """None for a run of no sweep, and of one that ends none."""
        sweep = sweep_of(run)
        share = sweep.document.stop_after if sweep else None
        if sweep is None or share is None:
            return None
        # Somebody who resumed it wants it to go on.
        judged = any(event.name == EventName.STOPPED_BY_RULE for event in run.events())
        return cls(run, sweep, share, judged)

    def why_to_stop(self) -> str:
        """A sentence where the run is to be ended now; "" where it goes on."""
        if self.judged or (own := loss_after(self.run, self.share)) is None:
            return ""
        self.judged = True
        runs = [self.sweep.run(child) for child in self.sweep.document.children]
        found = [loss_after(run, self.share) for run in runs if run.path.name != self.run.path.name]
        others = [loss for loss in found if loss is not None]
        if len(others) < FEWEST_OTHERS or own <= (median := statistics.median(others)):
            return ""
        return (
            f"Ended by the rule of its sweep: after {self.share:.0%} of its steps its validation loss was"
            f" {own:.4f}, the median of {len(others)} other runs there {median:.4f}."
        )


def in_words(share: float) -> str:
    """The rule for people."""
    return (
        f"Rule: a run is ended if its first validation loss after {share:.0%} of its steps is above the median of the"
        f" others there, of at least {FEWEST_OTHERS}."
    )


def loss_after(run: RunFolder, share: float) -> float | None:
    """The first validation loss of a training at or after a share of its steps; None before it. Of a pipeline that of
    its training.
    """
    for row in training_of(run).metrics():
        step, total, loss = (row.get(name) for name in ("step", "total_steps", "eval_loss"))
        if isinstance(loss, float) and step and total and step >= share * total:
            return loss
    return None


def training_of(run: RunFolder) -> RunFolder:
    """The run that trains: of a pipeline the stage, else the run itself."""
    stages = recipe_of_run(run.recipe).stages
    return next((run.stage(stage.name) for stage in stages if RECIPES[stage.recipe].trains), run)
