"""What may be done to a run as it is, and why not: the sentences that commands and screens show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from toolkit import catalog
from toolkit.errors import UsageError
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State


@dataclass(frozen=True, slots=True)
class RunAsItIs:
    """What decides about a run. Each `no_...` is the sentence why something may not be done to it; "" where it may."""

    path: Path
    id: str
    recipe: str
    state: State
    live_stage: str = ""  # the id of a stage that goes on although the pipeline was killed

    @classmethod
    def read(cls, run: RunFolder) -> Self:
        live = run.live_stages()
        return cls(run.path, run.id, run.recipe, run.state(), live[0].id if live else "")

    @property
    def no_stop(self) -> str:
        if self.state.can_be_stopped or self.live_stage:
            return ""
        return f"The run {self.id} has already ended ({self.state}); there is nothing to stop."

    @property
    def no_resume(self) -> str:
        if self.state.can_be_resumed:
            return ""
        if self.state is State.FINISHED:
            again = f"steptune run {self.recipe} -c {RunFolder(self.path).config_file}"
            return f"The run {self.id} is finished; there is nothing to resume. Start a new one with `{again}`."
        if self.state is State.QUEUED:
            return f"The run {self.id} waits in the queue; `steptune queue top {self.id}` moves it to the front."
        return (
            f"The run {self.id} is {self.state}; only a run that was stopped, failed or was lost can be resumed."
            f" `steptune logs -f {self.id}` follows it."
        )

    @property
    def no_checkpoint(self) -> str:
        recipe = catalog.recipe_of_run(self.recipe)
        if not recipe.trains:
            names = catalog.names_where(lambda known: known.trains)
            training = next((stage.name for stage in recipe.stages if catalog.RECIPES[stage.recipe].trains), None)
            hint = f"; its training is {self.id}/{training}" if training else ""
            return f"The run {self.id} is a {self.recipe} run, and only {names} writes checkpoints{hint}."
        if self.state.is_live:
            return ""
        if self.state is State.QUEUED:
            return f"The run {self.id} waits in the queue; a checkpoint can be asked for while it runs."
        return (
            f"The run {self.id} is {self.state}; a checkpoint can be asked for while it runs, and `steptune resume"
            f" {self.id}` continues it."
        )

    @property
    def no_deletion(self) -> str:
        if self.state.is_over and self.live_stage:
            return (
                f"The run {self.id} is {self.state}, but its stage {self.live_stage} goes on; stop it with `steptune"
                f" stop {self.id}` before deleting it."
            )
        if self.state.is_over:
            return ""
        if self.state is State.QUEUED:
            return f"The run {self.id} waits in the queue; take it out with `steptune queue drop {self.id}` first."
        if not self.state.is_live:
            return f"{self.id} is {self.state}; only the folders of runs that have ended can be deleted."
        return f"The run {self.id} is {self.state}; stop it with `steptune stop {self.id}` before deleting it."


def require(refusal: str) -> None:
    """Raises UsageError with a sentence that is not empty."""
    if refusal:
        raise UsageError(refusal)
