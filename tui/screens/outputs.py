"""Outputs of a run: the JSONL files that it wrote, row by row, however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from toolkit.terminal.layout import cut, fit, wrap
from toolkit.terminal.numbers import file_size
from toolkit.terminal.text import clean
from toolkit.terminal.values import shown
from tui.logic.jsonl_rows import JsonlRows
from tui.logic.lines import Line, line
from tui.pages.page import Page
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel

PIECE = 16 << 20


class RowsScreen(Page):
    """The rows as a list, the whole row below it (next to it where there is room)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("y", "copy", "Copy row"),
    ]

    def __init__(self, rows: JsonlRows) -> None:
        super().__init__()
        self.rows = rows

    def body(self) -> Iterable[Widget]:
        yield Panel(id="rows-head", classes="head")
        with Horizontal(classes="row", id="rows-body"):
            yield ItemList(self._draw, id="rows")
            yield Panel(id="rows-detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#rows", ItemList).focus()
        self.run_worker(self._index, thread=True, exit_on_error=False)

    def on_unmount(self) -> None:
        self.rows.close()

    def _index(self) -> None:
        more = True
        while more and self.is_whole:
            more = self.rows.extend(PIECE)
            if self.app.is_running:
                self.app.call_from_thread(self.redraw)

    def redraw(self) -> None:
        if not self.is_whole:
            return
        view = self.query_one("#rows", ItemList)
        view.set_count(len(self.rows))
        state = "" if self.rows.complete else " and more, reading"
        self.show_head(
            "#rows-head", clean(self.rows.path.name), f"{len(self.rows)} rows{state}, {file_size(self.rows.size)}"
        )
        self._show_row()

    def _draw(self, index: int, width: int) -> Line:
        row = self.rows.row(index)
        name = clean(row.get("id", index + 1))
        text = clean(
            next(
                (row[key] for key in ("prompt", "output", "reason", "text", "unreadable") if row.get(key)),
                shown(row)[:500],
            )
        )
        return line((fit(cut(f" {name}", 17), 18), "dim"), cut(text, width - 18))

    def _show_row(self) -> None:
        view, detail = self.query_one("#rows", ItemList), self.query_one("#rows-detail", Panel)
        width = detail.size.width - 2
        if not len(self.rows) or width < 8:
            detail.show([])
            return
        lines: list[Line] = []
        for key, value in self.rows.row(view.cursor).items():
            lines.append(line((f" {clean(key)}", "title")))
            lines += [line(f"   {part}") for part in wrap(shown(value), width - 3)]
        detail.show(lines)

    def on_item_list_moved(self, message: ItemList.Moved) -> None:
        self._show_row()

    def action_copy(self) -> None:
        import json

        if len(self.rows):
            row = self.rows.row(self.query_one("#rows", ItemList).cursor)
            self.steptune.copy_text(json.dumps(row, ensure_ascii=False, indent=2), "The row")
