"""Queue: what runs and what waits for its turn, in order; moved, held, changed and taken out while it waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.errors import SteptuneError
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.runs.queue import Waiting
from toolkit.runs.row import read_row
from toolkit.terminal.text import clean
from tui.destinations import ToRun
from tui.logic.lines import Line, line
from tui.logic.queue_lines import QueueView, foot_lines, head, queue_line
from tui.logic.scanner import Snapshot
from tui.pages.page import Page
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel

READ_EVERY_S = 2.0  # it may ask nvidia-smi


class QueueScreen(Page):
    """The runs at work first, then those that wait, the next one first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "move(-1)", "Up"),
        Binding("right_square_bracket", "move(1)", "Down"),
        Binding("H", "hold", "Hold, release"),
        Binding("e", "edit", "Change"),
        Binding("D", "drop", "Drop"),
        Binding("R", "resume", "Take up"),
        Binding("escape", "app.go('runs')", "Back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.view = QueueView()
        self._read_at = 0.0

    def body(self) -> Iterable[Widget]:
        yield Panel(id="queue-head", classes="head")
        yield ItemList(self._draw, id="queue")
        yield Panel(id="queue-foot")

    def on_mount(self) -> None:
        super().on_mount()
        self.table.focus()
        self.table.empty = [line(("reading the queue ...", "dim"))]

    @property
    def table(self) -> ItemList:
        return self.query_one("#queue", ItemList)

    @property
    def queue(self) -> QueueFolder:
        return QueueFolder(self.steptune.root)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        super().show_snapshot(snapshot)
        if time.monotonic() - self._read_at >= READ_EVERY_S:
            self.redraw()

    def redraw(self) -> None:
        self._read_at, queue = time.monotonic(), self.queue
        self.in_thread(lambda: QueueView.read(queue), self._show, newest=True)

    def _show(self, view: QueueView) -> None:
        selected = self.view.run_at(self.table.cursor)
        self.view = view
        self.table.empty = [
            (),
            line("  Nothing runs and nothing waits."),
            line(("  Q in Preflight puts a run into the queue, as `steptune run RECIPE ... --queue` does.", "dim")),
        ]
        self.table.set_count(view.count, view.index_of(selected))
        self.show_head("#queue-head", "Queue", head(view))

        self._show_foot()

    def _show_foot(self) -> None:
        foot, lines = self.query_one("#queue-foot", Panel), foot_lines(self.view, self.table.cursor, self.size.width)
        foot.styles.height = len(lines)
        foot.show(lines)

    def on_item_list_moved(self) -> None:
        self._show_foot()

    def _draw(self, index: int, width: int) -> Line:
        return queue_line(self.view, index, width, time.time())

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        if run := self.view.run_at(message.index):
            self.steptune.open(ToRun(read_row(run.path)))

    # Changes -------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        from toolkit.runs.queue import move

        if each := self._waiting_here():
            self._change(lambda queue, run: f"{run.id} has place {move(queue, run, by)}.", each.run)

    def action_hold(self) -> None:
        from toolkit.runs.queue import hold

        if (each := self._waiting_here()) is None:
            return
        held = not each.ticket.held

        def change(queue: QueueFolder, run: RunFolder) -> str:
            hold(queue, [run], held)
            return f"{run.id} is {'held' if held else 'released'}."

        self._change(change, each.run)

    def action_drop(self) -> None:
        from toolkit.runs.queue import drop
        from tui.pages.dialogs import Confirm

        each = self._waiting_here()
        if each is None or self.steptune.refuse_in_read_only("dropping"):
            return
        subject = each.run

        def change(queue: QueueFolder, run: RunFolder) -> str:
            drop(queue, [run])
            return f"{run.id} is out of the queue."

        def answered(yes: bool | None) -> None:
            if yes:
                self._change(change, subject)

        question = f"Take {clean(subject.id)} out of the queue?"
        self.app.push_screen(Confirm(question, "Its folder stays; `R` on the run starts it at once."), answered)

    def action_edit(self) -> None:
        from toolkit.runs.enqueue import edit
        from tui.pages.dialogs import Ask

        each = self._waiting_here()
        if each is None or self.steptune.refuse_in_read_only("changing a run"):
            return
        subject = each.run

        def answered(text: str | None) -> None:
            overrides = (text or "").split()

            def change(queue: QueueFolder, run: RunFolder) -> str:
                edit(queue, run, overrides)
                return f"{run.id} has {' '.join(overrides)}."

            if overrides:
                self._change(change, subject)

        hint = "KEY=VALUE, several with spaces between, as after `steptune queue edit`."
        self.app.push_screen(Ask(f"Change {clean(subject.id)}", hint=hint), answered)

    def action_resume(self) -> None:
        from toolkit.runs.enqueue import take_up

        def change(queue: QueueFolder, _run: RunFolder) -> str:
            taken = take_up(queue)
            lost = f", {len(taken.lost)} of them lost before" if taken.lost else ""
            return " ".join([f"{len(taken.started)} started{lost}.", *taken.left])

        self._change(change, RunFolder(self.steptune.root))

    def _waiting_here(self) -> Waiting | None:
        """What waits under the cursor; says so where nothing does."""
        each = self.view.waiting_at(self.table.cursor)
        if each is None:
            self.notify("Only a run that waits can be moved, held, changed or dropped.", severity="warning")
        return each

    def _change(self, change: Callable[[QueueFolder, RunFolder], str], run: RunFolder) -> None:
        """Do it in a thread, for it may start a run; then say what it said and read the queue again."""
        if self.steptune.refuse_in_read_only("changing the queue"):
            return
        queue = self.queue

        def work() -> tuple[str, bool]:
            try:
                return change(queue, run), True
            except (SteptuneError, OSError) as error:
                return str(error), False

        def done(found: tuple[str, bool]) -> None:
            message, is_done = found
            self.notify(clean(message), severity="information" if is_done else "error", markup=False)
            self.steptune.poller.wake()
            self.redraw()

        self.in_thread(work, done)
