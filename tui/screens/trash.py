"""The trash of the runs folder: what was deleted, how large it is; take it back, or delete it for good."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.errors import SteptuneError
from toolkit.runs.trash import Trashed, empty_trash, take_back, trashed_runs
from toolkit.terminal.layout import cut, fit, fit_right
from toolkit.terminal.numbers import age, counted, file_size
from toolkit.terminal.text import clean
from tui.logic.lines import Line, line
from tui.pages.page import Page
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel


class TrashScreen(Page):
    """What was deleted last is on top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("space", "mark", "Mark"),
        Binding("asterisk", "mark_all", "Mark all"),
        Binding("u", "undo", "Take back"),
        Binding("D", "delete", "Delete for good"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Trashed] = []
        self.marked: set[str] = set()

    def body(self) -> Iterable[Widget]:
        yield Panel(id="trash-head", classes="head")
        yield ItemList(self._draw, id="trash")

    def on_mount(self) -> None:
        super().on_mount()
        self.view.empty = [(), line(("  The trash is empty.", "dim"))]
        self.view.focus()

    @property
    def view(self) -> ItemList:
        return self.query_one("#trash", ItemList)

    def redraw(self) -> None:
        self.found = trashed_runs(self.steptune.root)
        self.marked &= {one.path.name for one in self.found}
        self.view.set_count(len(self.found))
        size = file_size(sum(one.size for one in self.found))
        marked = f", {len(self.marked)} marked" if self.marked else ""
        self.show_head("#trash-head", "Trash", f"{counted(len(self.found), 'run')}, {size}{marked}")

    def _draw(self, index: int, width: int) -> Line:
        one = self.found[index]
        when = age(time.time() - one.time)
        return line(
            ("▸" if one.path.name in self.marked else " ", "mark"),
            fit(cut(clean(one.name), 40), 41),
            fit_right(file_size(one.size), 10),
            (f"  {when}", "dim"),
        )

    @property
    def acted_on(self) -> list[Trashed]:
        marked = [one for one in self.found if one.path.name in self.marked]
        return marked or self.found[self.view.cursor : self.view.cursor + 1]

    def action_mark(self) -> None:
        if self.found:
            self.marked ^= {self.found[self.view.cursor].path.name}
            self.redraw()
            self.view.action_move(1)

    def action_mark_all(self) -> None:
        names = {one.path.name for one in self.found}
        self.marked = set() if names <= self.marked else names
        self.redraw()

    def action_undo(self) -> None:
        if self.acted_on and not self.steptune.refuse_in_read_only("taking back"):
            self._do(self.acted_on, take_back, "taken back")

    def action_delete(self) -> None:
        from tui.pages.dialogs import Confirm

        chosen = self.acted_on
        if not chosen or self.steptune.refuse_in_read_only("deleting"):
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._do(chosen, lambda one: empty_trash([one]), "deleted")

        what = clean(chosen[0].name) if len(chosen) == 1 else counted(len(chosen), "run")
        size = file_size(sum(one.size for one in chosen))
        self.app.push_screen(Confirm(f"Delete {what} for good?", f"{size}. This cannot be taken back."), answered)

    def _do(self, chosen: list[Trashed], work: object, said: str) -> None:
        assert callable(work)
        done = 0
        try:
            for one in chosen:
                work(one)
                done += 1
        except (SteptuneError, OSError) as error:
            self.notify(clean(error), severity="error", markup=False, timeout=12)
        if done:
            self.notify(f"{counted(done, 'run')} {said}.", markup=False)
        self.steptune.poller.look_again()
        self.redraw()
