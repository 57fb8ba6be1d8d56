"""A list of any length, drawn line by line: a cursor, keys and mouse; the owner says how an item looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.logic.lines import Line, line, wrapped
from tui.widgets.line_view import LineView, selected


class ItemList(LineView, can_focus=True):
    """`draw(index, width)` gives an item's line; only visible ones are asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False),
        Binding("k,up", "move(-1)", "Up", show=False),
        Binding("g,home", "first", "First", show=False),
        Binding("G,end", "last", "Last", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("enter", "choose", "Open"),
    ]

    class Moved(Message):
        """The cursor is on another item."""

        def __init__(self, view: ItemList, index: int) -> None:
            super().__init__()
            self.view, self.index = view, index

        @property
        def control(self) -> ItemList:
            return self.view

    class Chosen(Moved):
        """Enter or a click on the item that has the cursor."""

    def __init__(self, draw: Callable[[int, int], Line], *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.draw = draw
        self.count = 0
        self.cursor = 0
        self.empty: Sequence[Line] = [line(("nothing here", "dim"))]

    def set_count(self, count: int, cursor: int | None = None) -> None:
        """How many items there are; the cursor stays, or goes to `cursor`."""
        self.count = count
        self.set_rows(self.row_count())
        wanted = self.cursor if cursor is None else cursor
        self.cursor = max(0, min(wanted, count - 1))
        self.repaint()
        self._reveal()

    # Rows: one an item here; the form has several.
    def row_count(self) -> int:
        return self.count

    def rows_of(self, index: int) -> tuple[int, int]:
        """First row of an item and the row after its last."""
        return index, index + 1

    def item_at(self, row: int) -> int | None:
        return row if row < self.count else None

    def visible_lines(self, width: int, height: int, top: int) -> list[Line]:
        if not self.count:
            return [part for spans in self.empty for part in wrapped(spans, width)]
        return [self._line_of(index, width) for index in range(top, min(self.count, top + height))]

    def _line_of(self, index: int, width: int) -> Line:
        drawn = self.draw(index, width)
        return selected(drawn) if index == self.cursor else drawn

    def move_to(self, index: int) -> None:
        index = max(0, min(index, self.count - 1))
        if index != self.cursor and self.count:
            self.cursor = index
            self._reveal()
            self.repaint()
            self.post_message(self.Moved(self, index))

    def _reveal(self) -> None:
        height = self.scrollable_content_region.height
        if not height or not self.count:
            return
        first, end = self.rows_of(self.cursor)
        top = self.scroll_offset.y
        if first < top or self.cursor == 0:
            self.scroll_to(y=0 if self.cursor == 0 else first, animate=False)
        elif end > top + height:
            self.scroll_to(y=end - height, animate=False)

    def on_resize(self) -> None:
        super().on_resize()
        self._reveal()

    def action_move(self, step: int) -> None:
        self.move_to(self.cursor + step)

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(self.count - 1)

    def action_page(self, direction: int) -> None:
        self.move_to(self.cursor + direction * max(1, self.size.height - 1))

    def action_choose(self) -> None:
        if self.count:
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        index = self.item_at(event.y + self.scroll_offset.y)
        if index is None:
            return
        if index == self.cursor:
            self.action_choose()
        self.move_to(index)
