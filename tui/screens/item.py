"""One item of a report: the reference and each system's answer side by side, with their scores."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.results.document import Item
from toolkit.terminal.text import clean
from tui.destinations import ToAsk
from tui.logic.lines import line
from tui.logic.report_items import item_columns
from tui.pages.page import Page
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView


class ItemScreen(Page):
    """One item: the reference and each system's answer side by side, with their scores."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("n,right", "step(1)", "Next"),
        Binding("N,left", "step(-1)", "Previous"),
        Binding("a", "ask", "Ask"),
    ]

    def __init__(self, items: list[Item], index: int, report: Path, first: str) -> None:
        super().__init__()
        self.items, self.index, self.report, self.first = items, index, report, first

    def body(self) -> Iterable[Widget]:
        yield Panel(id="item-head", classes="head")
        yield TextView(id="item")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#item", TextView).focus()

    def redraw(self) -> None:
        if not self.is_whole:
            return
        item = self.items[self.index]
        view = self.query_one("#item", TextView)
        width = max(40, (view.scrollable_content_region.width or self.size.width) - 2)
        columns = item_columns(item, width, self.first)
        view.set_lines([line(" ", *spans) for spans in columns])
        self.show_head("#item-head", clean(item.id), f"{self.index + 1} of {len(self.items)}")

    def action_ask(self) -> None:
        """Put the item's question to the model that was evaluated."""
        self.steptune.open(ToAsk(self.report, self.items[self.index].prompt))

    def action_step(self, step: int) -> None:
        self.index = (self.index + step) % len(self.items)
        self.redraw()
