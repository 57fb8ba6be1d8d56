"""Rate: the blind studies in this folder, a line for each rater; new ones are made, ratings locked, reports shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.review.study.folder import StudyFolder
from toolkit.terminal.layout import cut, fit
from toolkit.terminal.numbers import counted
from toolkit.terminal.text import clean
from tui.destinations import ToRating
from tui.logic.lines import Line, line
from tui.logic.studies import Seat, find_seats
from tui.pages import study_actions
from tui.pages.page import Page
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel


class StudiesScreen(Page):
    """Whose packet is to be rated."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.go('runs')", "Back"),
        Binding("a", "add", "New study"),
        Binding("K", "lock", "Lock"),
        Binding("O", "outputs", "Report"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.seats: list[Seat] = []

    def body(self) -> Iterable[Widget]:
        yield Panel(id="studies-head", classes="head")
        yield ItemList(self._draw, id="studies")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#studies", ItemList).focus()

    def redraw(self) -> None:
        root = self.steptune.root
        self.in_thread(lambda: find_seats(root), self._show, newest=True)

    def _show(self, seats: list[Seat]) -> None:
        self.seats = seats
        view = self.query_one("#studies", ItemList)
        view.empty = [
            (),
            line("  There is no blind study in this folder yet."),
            line(("  a makes one; `steptune study rate PACKET` opens a packet from elsewhere.", "dim")),
        ]
        view.set_count(len(seats))
        self.show_head("#studies-head", f"{counted(len(seats), 'packet')} to rate", "↵ opens one")

    def _draw(self, index: int, width: int) -> Line:
        seat = self.seats[index]
        # The study is named first.
        problem = clean(seat.problem).replace(f"{clean(str(seat.packet.parents[1]))}/", "")
        state = problem or f"{seat.done} of {seat.tasks} done"
        style = (
            "bad"
            if seat.problem not in ("", "locked")
            else "dim"
            if seat.problem
            else "good"
            if seat.done == seat.tasks
            else ""
        )
        return line(
            f" {fit(cut(clean(seat.name), 23), 24)}",
            (fit(cut(clean(seat.rater), 15), 16), "accent"),
            (cut(state, max(0, width - 42)), style),
        )

    @property
    def study(self) -> StudyFolder | None:
        """The study of the packet that the cursor is on."""
        seats = self.seats[self.query_one("#studies", ItemList).cursor :]
        return StudyFolder(seats[0].packet.parents[1]) if seats and seats[0].rater else None

    def action_add(self) -> None:
        study_actions.new(self)

    def action_lock(self) -> None:
        if study := self.study:
            study_actions.lock(self, study)

    def action_outputs(self) -> None:
        if study := self.study:
            study_actions.report(self, study)

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        seat = self.seats[message.index]
        if seat.rater:
            self.steptune.open(ToRating(seat.packet))
