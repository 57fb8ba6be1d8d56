"""Data: the data sets of this folder, newest first; card, rows, curation."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.terminal.layout import cut, fit
from toolkit.terminal.numbers import age, counted
from toolkit.terminal.text import clean
from tui.logic.data_sets import DataSet, card_lines, find_data_sets
from tui.logic.lines import Line, line
from tui.logic.scanner import Snapshot
from tui.pages.annotator import curate
from tui.pages.page import Page
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView


class DataScreen(Page):
    """The data sets that runs of this folder have built."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.go('runs')", "Back"),
        Binding("e", "curate", "Curate"),
        Binding("O", "outputs", "Rows"),
        Binding("y", "copy", "Copy path"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.found: list[DataSet] = []

    def body(self) -> Iterable[Widget]:
        yield Panel(id="data-head", classes="head")
        yield ItemList(self._draw, id="data-sets")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#data-sets", ItemList).focus()

    @property
    def selected(self) -> DataSet | None:
        view = self.query_one("#data-sets", ItemList)
        return self.found[view.cursor] if self.found else None

    def show_snapshot(self, snapshot: Snapshot) -> None:
        super().show_snapshot(snapshot)
        if not self.is_current:
            return
        # Reads a card of each run: not in the event loop.
        self.in_thread(lambda: find_data_sets(snapshot.rows), self._show, newest=True)

    def _show(self, found: list[DataSet]) -> None:
        self.found = found
        view = self.query_one("#data-sets", ItemList)
        view.empty = [
            (),
            line("  No data set has been built in this folder yet."),
            line(("  `data-build` builds one; `pipeline` begins with it.", "dim")),
        ]
        view.set_count(len(self.found))
        self.show_head(
            "#data-head",
            counted(len(found), "data set"),
            "↵ opens the card, e curates",
        )

    def _draw(self, index: int, width: int) -> Line:
        found = self.found[index]
        when = age(time.time() - found.row.created) if found.row.created else "-"
        counts = f"{sum(found.rows.values())} rows" + (
            "  " + "  ".join(f"{name} {count}" for name, count in found.rows.items()) if width >= 110 else ""
        )
        sign = found.sign
        return line(f" {fit(cut(found.row.id, 37), 38)}", (fit(when, 8), "dim"), cut(counts, max(0, width - 66)), sign)

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        self.app.push_screen(CardScreen(self.found[message.index]))

    def action_curate(self) -> None:
        if self.selected:
            curate(self, self.selected.path)

    def action_outputs(self) -> None:
        from tui.pages.outputs import open_outputs

        if self.selected:
            open_outputs(self, self.selected.row)

    def action_copy(self) -> None:
        if self.selected:
            self.steptune.copy_text(str(self.selected.path), "The path of the data set")


class CardScreen(Page):
    """The card of a data set."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back"), Binding("e", "curate", "Curate")]

    def __init__(self, data_set: DataSet) -> None:
        super().__init__()
        self.data_set = data_set

    def body(self) -> Iterable[Widget]:
        yield Panel(id="card-head", classes="head")
        yield TextView(id="card")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#card", TextView).focus()

    def redraw(self) -> None:
        view = self.query_one("#card", TextView)
        view.set_lines(card_lines(self.data_set.path, max(20, view.scrollable_content_region.width)))
        self.show_head("#card-head", clean(self.data_set.row.id), clean(self.data_set.path))

    def action_curate(self) -> None:
        curate(self, self.data_set.path)
