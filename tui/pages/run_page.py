"""What the screens about a run share: keys that stop, resume or copy it, ask for a checkpoint, and open its log."""

from __future__ import annotations

from textual.binding import Binding

from toolkit.errors import SteptuneError
from toolkit.runs.row import RunRow
from toolkit.terminal.text import clean
from tui.destinations import ToAsk, ToForm, ToLog
from tui.pages import run_actions
from tui.pages.page import Page

LOG = Binding("l", "log", "Log")
STOP = Binding("c", "stop", "Stop")
RESUME = Binding("R", "resume", "Resume")
CHECKPOINT = Binding("K", "checkpoint", "Checkpoint")
AGAIN = Binding("e", "again", "New from this")
ASK = Binding("a", "ask", "Ask", show=False)
NOTE = Binding("f", "note", "Note", show=False)
CHANGING_ACTIONS = ("tag", "pin", "note", "undo", "stop", "resume", "delete", "again", "checkpoint", "ask")


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
            run_actions.stop(self, [row])

    def action_resume(self) -> None:
        if row := self.run_shown:
            run_actions.resume(self, row)

    def action_checkpoint(self) -> None:
        if row := self.subject:
            run_actions.checkpoint(self, row)

    def action_again(self) -> None:
        """A new run from this one's config, with what may keep it from failing again filled in."""
        from toolkit.run_folder.folder import RunFolder
        from toolkit.runs.next_steps import next_steps
        from tui.logic.form import form_from_run

        if row := self.run_shown:
            form = form_from_run(row)
            if form is None:
                self.notify("Its config cannot be read.", severity="error")
                return
            for step in next_steps(RunFolder(row.path), row.state):
                for key, text in step.changes.items():
                    form.set(key, text)
            self.steptune.open(ToForm(form))

    def action_note(self) -> None:
        """Write a note to the run; what was noted before is shown above it."""
        from toolkit.run_folder.folder import RunFolder
        from tui.pages.dialogs import Ask

        row = self.run_shown
        if row is None or self.steptune.refuse_in_read_only("taking notes"):
            return

        def answered(text: str | None) -> None:
            if text and text.strip():
                try:
                    RunFolder(row.path).add_note(text.strip())
                except (SteptuneError, OSError) as error:
                    self.notify(clean(error), severity="error", markup=False)
                self.steptune.poller.look_again()

        before = "  ".join(clean(note.text) for note in row.notes[-3:])
        self.app.push_screen(Ask(f"Note on {row.id}", "", f"So far: {before}" if before else ""), answered)

    def action_ask(self) -> None:
        """Put questions to the run's model."""
        if row := self.run_shown:
            self.steptune.open(ToAsk(row.path))

    def action_log(self) -> None:
        if row := self.subject:
            self.steptune.open(ToLog(row.path, row.id, at_error=row.state.is_bad))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (self.steptune.read_only and action in CHANGING_ACTIONS)
