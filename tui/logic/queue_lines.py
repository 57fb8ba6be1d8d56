"""The queue as lines: what runs, and what waits at which place, for what and since when."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len

from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.runs.queue import Waiting, going_on, waiting
from toolkit.terminal.layout import cut, fit, fit_right, wrap
from toolkit.terminal.numbers import counted, duration
from toolkit.terminal.text import clean
from tui.logic.lines import Line, line

ID_WIDTH = 34


@dataclass(frozen=True)
class QueueView:
    """The queue as it was read once; `problem` says why it could not be."""

    going: tuple[RunFolder, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    slots: int = 1
    problem: str = ""

    @classmethod
    def read(cls, queue: QueueFolder) -> QueueView:
        """Never raises."""
        try:
            return cls(tuple(going_on(queue)), tuple(waiting(queue)), queue.document.slots)
        except OSError as error:
            return cls(problem=f"{queue.root} cannot be read: {error.strerror}")

    @property
    def stands_still(self) -> bool:
        """Whether a run could start now and nobody has started it."""
        return any(not each.waits_for for each in self.waiting)

    @property
    def count(self) -> int:
        return len(self.going) + len(self.waiting)

    def run_at(self, index: int) -> RunFolder | None:
        if index < len(self.going):
            return self.going[index]
        each = self.waiting_at(index)
        return each.run if each else None

    def waiting_at(self, index: int) -> Waiting | None:
        """What waits in a row of the list; None for a run that goes on."""
        place = index - len(self.going)
        return self.waiting[place] if 0 <= place < len(self.waiting) else None

    def index_of(self, run: RunFolder | None) -> int | None:
        runs = [*self.going, *(each.run for each in self.waiting)]
        return runs.index(run) if run in runs else None


def head(view: QueueView) -> str:
    """What is said next to the title."""
    if view.problem:
        return clean(view.problem)
    if view.stands_still:
        return "there is room and nothing starts the next run: R does"
    return f"{counted(len(view.going), 'run')} at work, {len(view.waiting)} waiting; CPU slots {view.slots}"


def queue_line(view: QueueView, index: int, width: int, now: float) -> Line:
    """A row of the list."""
    each = view.waiting_at(index)
    if each is None:
        run = view.going[index]
        return line(("   ● ", "good"), fit(cut(clean(run.id), ID_WIDTH), ID_WIDTH), (f"  {run.state()}", "good"))
    waited = fit_right(duration(now - each.ticket.queued_unix), 9)
    room = max(0, width - ID_WIDTH - 16)
    sentence = reason(each)
    return line(
        (fit_right(str(each.place), 4) + " ", "accent"),
        fit(cut(clean(each.run.id), ID_WIDTH), ID_WIDTH),
        (f" {waited}  ", "dim"),
        (sentence if cell_len(sentence) <= room else cut(_in_short(each), room), _style(each)),
    )


def foot_lines(view: QueueView, index: int, width: int) -> list[Line]:
    """The whole of what the row under the cursor waits for."""
    each = view.waiting_at(index)
    if each is None:
        return []
    return [line((f" {part}", _style(each))) for part in wrap(reason(each), max(20, width - 2))]


def reason(each: Waiting) -> str:
    """What a run waits for, as a sentence."""
    return f"waits for {clean(each.waits_for) or 'somebody who starts it: R'}"


def _in_short(each: Waiting) -> str:
    if each.ticket.held:
        return "held"
    return counted(each.ticket.cards, "GPU") if each.ticket.cards else "CPU slot"


def _style(each: Waiting) -> str:
    return "warn" if each.ticket.held or not each.waits_for else "dim"
