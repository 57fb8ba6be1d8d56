"""What the screens do to runs: stop, resume, ask for a checkpoint, delete. Each asks first; the work is in threads, for
it may wait for processes.
"""

from __future__ import annotations

from collections.abc import Callable

from toolkit.errors import SteptuneError
from toolkit.run_folder.folder import RunFolder
from tui.logic.run_row import RunRow
from tui.pages.page import Page


def stop(page: Page, row: RunRow) -> None:
    """Ask the run to save and end."""
    if page.steptune.refuse_in_read_only("stopping"):
        return
    if not row.state.can_be_stopped:
        page.app.notify(f"{row.id} has ended already ({row.state}).", markup=False)
        return

    def answered(yes: bool | None) -> None:
        if yes:
            page.app.notify("Asked to stop; the recipe saves and ends.", markup=False)
            _in_thread(page, lambda: _stop(row), "Stop")

    _ask(
        page,
        f"Stop {row.id}?",
        "The recipe saves what it has and ends; `R` continues it later. It takes up to half a minute.",
        answered,
    )


def _stop(row: RunRow) -> str:
    from toolkit.runs.stop import ask_to_stop, wait_until_ended

    run = RunFolder(row.path)
    ask_to_stop(run)
    return f"{row.id} is {wait_until_ended(run)}."


def resume(page: Page, row: RunRow) -> None:
    """Continue a run that was stopped, failed or was lost."""
    if page.steptune.refuse_in_read_only("resuming"):
        return
    if not row.state.can_be_resumed:
        page.app.notify(
            f"{row.id} is {row.state}; only a run that was stopped, failed or was lost can be resumed.",
            severity="warning",
            markup=False,
        )
        return

    def answered(yes: bool | None) -> None:
        if yes:
            _in_thread(page, lambda: _resume(row), "Resume")

    _ask(page, f"Resume {row.id}?", "It goes on in its own folder, from what it saved.", answered)


def _resume(row: RunRow) -> str:
    from toolkit.runs import launch

    launch.resume(RunFolder(row.path))
    return f"{row.id} is starting again."


def checkpoint(page: Page, row: RunRow) -> None:
    """Ask a training for a checkpoint; it goes on."""
    if page.steptune.refuse_in_read_only("asking for a checkpoint"):
        return
    if row.recipe != "sft" or not row.live:
        page.app.notify(
            f"{row.id} is {_what(row)}; only a training that runs can save a checkpoint.",
            severity="warning",
            markup=False,
        )
        return

    def answered(yes: bool | None) -> None:
        if yes:
            _in_thread(page, lambda: _checkpoint(row), "Checkpoint")

    _ask(
        page,
        f"Checkpoint of {row.id} now?",
        "It saves after the step that it is in, and goes on; an older checkpoint may make room for it.",
        answered,
    )


def _what(row: RunRow) -> str:
    return row.state if row.recipe == "sft" else f"a {row.recipe} run"


def _checkpoint(row: RunRow) -> str:
    from toolkit.runs.checkpoint_request import ask_for_checkpoint

    ask_for_checkpoint(RunFolder(row.path))
    return f"{row.id} was asked for a checkpoint; `◆` marks it when it is saved."


def remove(page: Page, row: RunRow) -> None:
    """Delete the folder of an ended run."""
    if page.steptune.refuse_in_read_only("deleting"):
        return
    if not row.state.is_over:
        page.app.notify(
            f"{row.id} is {row.state}; only the folders of ended runs can be deleted.", severity="warning", markup=False
        )
        return

    def answered(yes: bool | None) -> None:
        if yes:
            _in_thread(page, lambda: _remove(row), "Delete")

    _ask(page, f"Delete {row.id}?", f"{row.path} and everything in it. This cannot be taken back.", answered)


def _remove(row: RunRow) -> str:
    from toolkit.runs.remove import remove_run

    remove_run(RunFolder(row.path))
    return f"{row.id} is deleted."


def _ask(page: Page, question: str, detail: str, answered: Callable[[bool | None], None]) -> None:
    from tui.pages.dialogs import Confirm  # not needed for the first paint

    page.app.push_screen(Confirm(question, detail), answered)


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
