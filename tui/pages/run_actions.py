"""What the screens do to runs: stop, resume, ask for a checkpoint, delete. Each asks first; the work is in threads, for
it may wait for processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import SteptuneError
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.row import RunRow
from toolkit.terminal.numbers import counted, duration, file_size
from toolkit.terminal.text import clean
from tui.pages.page import Page

if TYPE_CHECKING:  # not needed for the first paint
    from toolkit.runs.trash import Trashed


@dataclass(frozen=True)
class _Action:
    """`doing` names it where nothing may be changed; `refusal` is the sentence why it may not be done to a run, or "".
    In a thread, `ask` is done to each run first, then `work`, which returns what it says when it is done.
    """

    name: str
    doing: str
    refusal: Callable[[RunRow], str]
    detail: str
    work: Callable[[RunRow], str]
    ask: Callable[[RunRow], None] = lambda _row: None


def stop(page: Page, rows: Sequence[RunRow]) -> None:
    """Ask runs to save and end."""
    from toolkit.runs.grace import stop_timeout_s  # not needed for the first paint
    from toolkit.runs.stop import stop_notice

    # A run that cannot be stopped may not be readable either.
    able = [RunFolder(row.path) for row in rows if not row.no_stop]
    longest = max(map(stop_timeout_s, able), default=0.0)
    notice = next(filter(None, map(stop_notice, able)), "") if len(able) == 1 else ""
    detail = f"The recipe saves what it has and ends, which takes up to {duration(longest)}; `R` continues it later."
    detail = f"{detail} {notice}".strip()
    action = _Action("Stop", "stopping", lambda row: row.no_stop, detail, _wait_until_ended, _ask_to_stop)
    _ask(page, rows, action, begun=f"Stopping: it saves and ends (up to {duration(longest)}).", done="stopped")


def _ask_to_stop(row: RunRow) -> None:
    from toolkit.runs.stop import ask_to_stop

    ask_to_stop(RunFolder(row.path))


def _wait_until_ended(row: RunRow) -> str:
    from toolkit.runs.stop import wait_until_ended

    return f"{row.id} is {wait_until_ended(RunFolder(row.path))}."


def resume(page: Page, row: RunRow) -> None:
    """Continue a run that was stopped, failed or was lost."""
    detail = "It goes on in its own folder, from what it saved."
    _ask(page, [row], _Action("Resume", "resuming", lambda one: one.no_resume, detail, _resume))


def _resume(row: RunRow) -> str:
    from toolkit.runs import launch

    launch.resume(RunFolder(row.path))
    return f"{row.id} is starting again."


def checkpoint(page: Page, row: RunRow) -> None:
    """Ask a training for a checkpoint; it goes on."""
    detail = "It saves after the step that it is in, and goes on; an older checkpoint may make room for it."
    doing = "asking for a checkpoint"
    action = _Action("Checkpoint", doing, lambda one: one.no_checkpoint, detail, _checkpoint)
    _ask(page, [row], action, question=f"Checkpoint of {row.id} now?")


def _checkpoint(row: RunRow) -> str:
    from toolkit.runs.checkpoint_request import ask_for_checkpoint

    ask_for_checkpoint(RunFolder(row.path))
    return f"{row.id} was asked for a checkpoint; `◆` marks it when it is saved."


def delete(page: Page, rows: Sequence[RunRow], moved: Callable[[list[Trashed]], None]) -> None:
    """Put ended runs into the trash; `moved` gets what was."""
    from toolkit.runs.trash import put_in_trash, size_of

    found: list[Trashed] = []

    def work(row: RunRow) -> str:
        found.append(put_in_trash(RunFolder(row.path)))
        return f"{row.id} is in the trash ({file_size(found[-1].size)}); u takes it back."

    def done(count: int) -> str:
        moved(found)
        return f"{counted(count, 'run')} in the trash ({file_size(sum(one.size for one in found))}); u takes them back."

    able = [row for row in rows if not row.no_deletion]
    size = file_size(sum(size_of(row.path) for row in able[:MEASURED]))
    more = " and more" if len(able) > MEASURED else ""
    where = able[0].path if len(able) == 1 else counted(len(able), "run folder")
    detail = f"Into the trash: {where}, {size}{more}. `u` takes it back, `v` shows what is there."
    _ask(page, rows, _Action("Delete", "deleting", lambda row: row.no_deletion, detail, work), finished=done)


MEASURED = 50  # run folders whose size is looked up before one is asked


def _ask(
    page: Page,
    rows: Sequence[RunRow],
    action: _Action,
    question: str = "",
    begun: str = "",
    done: str = "",
    finished: Callable[[int], str] | None = None,
) -> None:
    """Do it when the user says yes, to all runs that allow it."""
    if page.steptune.refuse_in_read_only(action.doing) or not rows:
        return
    able = [row for row in rows if not action.refusal(row)]
    if not able:
        page.app.notify(clean(action.refusal(rows[0])), severity="warning", markup=False)
        return
    from tui.pages.dialogs import Confirm  # not needed for the first paint

    def answered(yes: bool | None) -> None:
        if yes and begun:
            page.app.notify(begun, markup=False)
        if yes:
            _in_thread(page, able, action, done or action.name.lower(), finished)

    asked = question or f"{action.name} {able[0].id if len(able) == 1 else counted(len(able), 'run')}?"
    refusals = [text for row in rows if (text := action.refusal(row))]
    left = f" Not {counted(len(refusals), 'run')}: {clean(refusals[0])}" if refusals else ""
    page.app.push_screen(Confirm(asked, action.detail + left), answered)


def _in_thread(
    page: Page, rows: Sequence[RunRow], action: _Action, done: str, finished: Callable[[int], str] | None
) -> None:
    """Do it to one run after the other in the background, and say how it ended."""

    def run() -> None:
        said: list[str] = []
        problems: list[str] = []

        def tried(work: Callable[[RunRow], str | None], row: RunRow) -> bool:
            try:
                said.extend(filter(None, [work(row)]))
                return True
            except (SteptuneError, OSError) as error:
                problems.append(f"{action.name}: {error}")
                return False

        asked = [row for row in rows if tried(action.ask, row)]
        for row in asked:
            tried(action.work, row)
        if page.app.is_running:
            page.app.call_from_thread(finish, said, problems)

    def finish(said: list[str], problems: list[str]) -> None:
        several = finished(len(said)) if finished and said else f"{counted(len(said), 'run')} {done}."
        if said:
            page.app.notify(said[0] if len(said) == 1 else several, markup=False)
        if problems:
            more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
            page.app.notify(clean(problems[0]) + more, severity="error", markup=False, timeout=12)
        page.steptune.poller.look_again()

    page.app.run_worker(run, thread=True, exit_on_error=False, name=action.name)
