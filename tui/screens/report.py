"""A report: verdict, table and forest plot above the list of items."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.results.document import Item
from toolkit.results.metrics import PRIMARY
from toolkit.terminal.layout import cut
from toolkit.terminal.text import clean
from tui.destinations import ToAsk, ToItem
from tui.logic.lines import Line, line
from tui.logic.report import Report, load_report
from tui.logic.report_items import item_line
from tui.logic.report_view import report_lines
from tui.pages.prompt import PromptPage
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel


class ReportScreen(PromptPage):
    """Verdict, table and forest plot above the list of items; Enter opens an item."""

    MAIN_VIEW = "#items"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("slash", "filter", "Find"),
        Binding("o", "order", "Order"),
        Binding("z", "table", "Table only"),
        Binding("a", "ask", "Ask"),
        Binding("y", "copy", "Copy path"),
    ]

    def __init__(self, path: Path, title: str) -> None:
        super().__init__()
        self.path, self.title_text = path, title
        self.report: Report | None = None
        self.items: list[Item] = []
        self.order = 0
        self.wanted = ""

    def body(self) -> Iterable[Widget]:
        yield Panel(id="report-head", classes="head")
        yield Panel(id="report")
        yield Panel(id="items-head", classes="head")
        yield ItemList(self._draw, id="items")

    def on_mount(self) -> None:
        super().on_mount()
        self.items_view.focus()
        self.items_view.empty = [line(("  reading the results ...", "dim"))]
        self.in_thread(lambda: load_report(self.path), self._loaded)

    def _loaded(self, report: Report) -> None:
        self.report = report
        self.redraw()

    @property
    def items_view(self) -> ItemList:
        return self.query_one("#items", ItemList)

    @property
    def systems(self) -> list[str]:
        return [name for name in self.report.systems if name != "human"][:3] if self.report else []

    def redraw(self) -> None:
        if self.report is None or not self.is_whole:
            return
        width = self.size.width
        lines = report_lines(self.report, width - 2)
        panel = self.query_one("#report", Panel)
        frame = 4 + (3 if self.items_view.display else 0)
        panel.styles.height = min(len(lines), self.size.height - frame)
        panel.show([line(" ", *spans) for spans in lines])
        self.query_one("#report-head", Panel).show(
            [
                line(
                    (f" {clean(self.title_text)}", "bold"),
                    (cut(f"  {clean(self.path)}", max(0, width - len(self.title_text) - 2)), "dim"),
                )
            ]
        )
        self._order_items()
        self.items_view.empty = [line(("  no items" if not self.wanted else "  no item fits", "dim"))]
        self.items_view.set_count(len(self.items))
        self._show_items_head(width)

    def _show_items_head(self, width: int) -> None:
        cells = "".join(clean(name)[:9].rjust(9) for name in self.systems)
        order = (
            ("as in the file", *(f"worst {name} first" for name in self.systems))[self.order] if self.systems else ""
        )
        title = f" {len(self.items)} items"
        note = cut(
            f"  {order}" + (f"  /{clean(self.wanted)}" if self.wanted else ""),
            max(0, width - len(title) - len(cells) - 10),
        )
        gap = " " * max(1, self.items_view.scrollable_content_region.width - len(title) - len(note) - len(cells))
        self.query_one("#items-head", Panel).show([line((title, "title"), (note, "dim"), gap, (cells, "dim"))])

    def _order_items(self) -> None:
        assert self.report is not None
        items = self.report.items
        if self.wanted:
            items = [item for item in items if self.wanted in f"{item.id} {item.prompt} {item.outputs}".lower()]
        if self.order and self.order <= len(self.systems):
            name = self.systems[self.order - 1]
            items = sorted(items, key=lambda item: _score(item, name))
        self.items = items

    def _draw(self, index: int, width: int) -> Line:
        return item_line(self.items[index], self.systems, width)

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        self.steptune.open(ToItem(self.items, message.index, self.path, self.report.about if self.report else ""))

    def action_ask(self) -> None:
        self.steptune.open(ToAsk(self.path))

    def action_order(self) -> None:
        self.order = (self.order + 1) % (len(self.systems) + 1)
        self.redraw()

    def action_table(self) -> None:
        """The table alone, or with the items below."""
        self.items_view.display = not self.items_view.display
        self.call_after_refresh(self.redraw)

    async def action_filter(self) -> None:
        await self.open_prompt(placeholder="text in the question or an answer")

    def prompt_entered(self, text: str) -> None:
        self.wanted = text.strip().lower()
        self.redraw()

    def action_back(self) -> None:
        if self.wanted and not self.is_typing:
            self.wanted = ""
            self.redraw()
        else:
            super().action_back()

    def action_copy(self) -> None:
        self.steptune.copy_text(str(self.path), "The path of results.json")


def _score(item: Item, system: str) -> float:
    found = item.scores.get(system, {}).get(PRIMARY)
    return float("inf") if found is None else found
