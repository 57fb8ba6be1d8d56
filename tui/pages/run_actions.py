"""What the screens do to runs: stop, resume, ask for a checkpoint, delete. Each asks first; the work is in threads, for
it may wait for processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toolkit.errors import SteptuneError
from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.text import clean
from tui.logic.run_row import RunRow
from tui.pages.page import Page


@dataclass(frozen=True)
class _Action:
    """`doing` names it where nothing may be changed; `refusal` is the sentence why it may not be done, or ""."""

    name: str
    doing: str
    refusal: str
    question: str
    detail: str
    work: Callable[[RunRow], str]  # in a thread; returns what it says when it is done
    begun: str = ""  # said at once


def stop(page: Page, row: RunRow) -> None:
    """Ask the run to save and end."""
    from toolkit.runs.stop import stop_notice  # not needed for the first paint

    # A run that cannot be stopped may not be readable either.
    notice = (not row.no_stop and stop_notice(RunFolder(row.path))) or "It takes up to half a minute."
    detail = f"The recipe saves what it has and ends; `R` continues it later. {notice}"
    begun = "Asked to stop; the recipe saves and ends."
    _ask(page, row, _Action("Stop", "stopping", row.no_stop, f"Stop {row.id}?", detail, _stop, begun))


def _stop(row: RunRow) -> str:
    from toolkit.runs.stop import ask_to_stop, wait_until_ended

    run = RunFolder(row.path)
    ask_to_stop(run)
    return f"{row.id} is {wait_until_ended(run)}."


def resume(page: Page, row: RunRow) -> None:
    """Continue a run that was stopped, failed or was lost."""
    detail = "It goes on in its own folder, from what it saved."
    _ask(page, row, _Action("Resume", "resuming", row.no_resume, f"Resume {row.id}?", detail, _resume))


def _resume(row: RunRow) -> str:
    from toolkit.runs import launch

    launch.resume(RunFolder(row.path))
    return f"{row.id} is starting again."


def checkpoint(page: Page, row: RunRow) -> None:
    """Ask a training for a checkpoint; it goes on."""
    question = f"Checkpoint of {row.id} now?"
    detail = "It saves after the step that it is in, and goes on; an older checkpoint may make room for it."
    doing = "asking for a checkpoint"
    _ask(page, row, _Action("Checkpoint", doing, row.no_checkpoint, question, detail, _checkpoint))


def _checkpoint(row: RunRow) -> str:
    from toolkit.runs.checkpoint_request import ask_for_checkpoint

    ask_for_checkpoint(RunFolder(row.path))
    return f"{row.id} was asked for a checkpoint; `◆` marks it when it is saved."


def remove(page: Page, row: RunRow) -> None:
    """Delete the folder of an ended run."""
    detail = f"{row.path} and everything in it. This cannot be taken back."
    _ask(page, row, _Action("Delete", "deleting", row.no_deletion, f"Delete {row.id}?", detail, _remove))


def _remove(row: RunRow) -> str:
    from toolkit.runs.remove import remove_run

    remove_run(RunFolder(row.path))
    return f"{row.id} is deleted."


def _ask(page: Page, row: RunRow, action: _Action) -> None:
    """Do it when the user says yes, unless it is refused."""
    if page.steptune.refuse_in_read_only(action.doing):
        return
    if action.refusal:
        page.app.notify(clean(action.refusal), severity="warning", markup=False)
        return
    from tui.pages.dialogs import Confirm  # not needed for the first paint

    def answered(yes: bool | None) -> None:
        if yes and action.begun:
            page.app.notify(action.begun, markup=False)
        if yes:
            _in_thread(page, lambda: action.work(row), action.name)

    page.app.push_screen(Confirm(action.question, action.detail), answered)


def _in_thread(page: Page, work: Callable[[], str], what: str) -> None:
    """Run `work` in the background and say how it ended."""

    def run() -> None:
        try:
            message, severity = work(), "information"
        except (SteptuneError, OSError) as error:
            message, severity = f"{what}: {error}", "error"
        if page.app.is_running:
            page.app.call_from_thread(finish, message, severity)

    def finish(message: str, severity: str) -> None:
        page.app.notify(message, severity="error" if severity == "error" else "information", markup=False)
        page.steptune.poller.wake()

    page.app.run_worker(run, thread=True, exit_on_error=False, name=what)
