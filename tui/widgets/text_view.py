"""Lines to read: scrolled by keys, without a cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.logic.lines import Line
from tui.widgets.line_view import LineView


class TextView(LineView, can_focus=True):
    """Shows lines that are handed in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_by(1)", "Down", show=False),
        Binding("k,up", "scroll_by(-1)", "Up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("g,home", "start", "Start", show=False),
        Binding("G,end", "finish", "End", show=False),
    ]

    def __init__(self, lines: Sequence[Line] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines = list(lines)

    def on_mount(self) -> None:
        super().on_mount()
        self.set_rows(len(self.lines))

    def set_lines(self, lines: Sequence[Line]) -> None:
        self.lines = list(lines)
        self.set_rows(len(self.lines))
        self.repaint()

    def visible_lines(self, width: int, height: int, top: int) -> list[Line]:
        return self.lines[top : top + height]

    def action_scroll_by(self, rows: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False)

    def action_page(self, direction: int) -> None:
        self.action_scroll_by(direction * max(1, self.size.height - 1))

    def action_start(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_finish(self) -> None:
        self.scroll_to(y=len(self.lines), animate=False)
