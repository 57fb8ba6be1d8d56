"""What the screens about a run share: keys that stop, resume or copy it, ask for a checkpoint, and open its log."""

from __future__ import annotations

from textual.binding import Binding

from tui.destinations import ToForm, ToLog
from tui.logic.run_row import RunRow
from tui.pages import run_actions
from tui.pages.page import Page

LOG = Binding("l", "log", "Log")
STOP = Binding("c", "stop", "Stop")
RESUME = Binding("R", "resume", "Resume")
CHECKPOINT = Binding("k", "checkpoint", "Checkpoint")
AGAIN = Binding("e", "again", "New from this")
CHANGING_ACTIONS = ("new", "stop", "resume", "delete", "again", "checkpoint")


class RunPage(Page):
    """`run_shown` is the run that the keys act on, `subject` the part of it that is shown: the stage of a pipeline."""

    @property
    def run_shown(self) -> RunRow | None:
        raise NotImplementedError

    @property
    def subject(self) -> RunRow | None:
        return self.run_shown

    def action_stop(self) -> None:
        if row := self.run_shown:
            run_actions.stop(self, row)

    def action_resume(self) -> None:
        if row := self.run_shown:
            run_actions.resume(self, row)

    def action_checkpoint(self) -> None:
        if row := self.subject:
            run_actions.checkpoint(self, row)

    def action_again(self) -> None:
        """A new run from this one's config."""
        from tui.logic.form import form_from_run

        if row := self.run_shown:
            form = form_from_run(row)
            if form is None:
                self.notify("Its config cannot be read.", severity="error")
                return
            self.steptune.open(ToForm(form))

    def action_log(self) -> None:
        if row := self.subject:
            self.steptune.open(ToLog(row.path, row.id))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (self.steptune.read_only and action in CHANGING_ACTIONS)
