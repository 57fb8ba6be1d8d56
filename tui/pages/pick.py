"""One of many, found by typing a part of it; or, where that is allowed, what was typed itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from toolkit.terminal.layout import cut
from toolkit.terminal.text import clean
from tui.logic.lines import Line, line
from tui.logic.path_choices import complete
from tui.pages.page import Dialog
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel

WIDTH, ROWS = 90, 14


class Pick(Dialog):
    """Typing narrows the choices, up and down move, Enter takes one; None if it was left with Escape.

    `free` is the name of the last choice, which takes the text as it was typed; "" where only the choices count.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel")]

    def __init__(self, question: str, choices: Sequence[tuple[str, str]], current: str = "", free: str = "") -> None:
        super().__init__()
        self.question, self.choices, self.current, self.free = question, list(choices), current, free
        self.found: list[tuple[str, str]] = list(choices)

    def compose(self) -> Iterable[Widget]:
        with Vertical(classes="dialog wide"):
            yield Panel(id="question")
            yield Input(placeholder="type a part of it", select_on_focus=False)
            yield ItemList(self._draw, id="choices")

    def on_mount(self) -> None:
        question, choices = self.query_one("#question", Panel), self.query_one("#choices", ItemList)
        question.styles.height = 1
        question.show([line((cut(self.question, min(WIDTH, int(self.app.size.width * 0.9) - 7)), "bold"))])
        choices.styles.height = max(3, min(ROWS, len(self.choices) + bool(self.free), self.app.size.height - 10))
        choices.empty = [line(("nothing fits", "dim"))]
        choices.can_focus = False  # the keys are the line's
        self.query_one(Input).focus()
        names = [name for name, _ in self.found]
        self._show(names.index(self.current) if self.current in names else 0)

    def _show(self, cursor: int) -> None:
        self.query_one("#choices", ItemList).set_count(len(self.found), cursor)

    def _draw(self, index: int, width: int) -> Line:
        name, note = self.found[index]
        sign = " ● " if name == self.current else "   "
        return line((sign, "accent"), cut(clean(name), width - 3), (f"  {clean(note)}" if note else "", "dim"))

    def on_input_changed(self, event: Input.Changed) -> None:
        words = event.value.lower().split()
        self.found = [
            (name, note) for name, note in self.choices if all(word in f"{name} {note}".lower() for word in words)
        ]
        if self.free and event.value.strip():
            self.found.append((event.value.strip(), self.free))
        self._show(0)

    def on_key(self, event: events.Key) -> None:
        typed = self.query_one(Input)
        if event.key == "tab" and self.free:
            event.stop()
            typed.value = complete(typed.value)
            typed.cursor_position = len(typed.value)
        steps = {"down": 1, "up": -1, "pagedown": ROWS, "pageup": -ROWS}
        if event.key in steps:
            event.stop()
            self.query_one("#choices", ItemList).action_move(steps[event.key])

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        if self.found:
            self.dismiss(self.found[self.query_one("#choices", ItemList).cursor][0])

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        self.dismiss(self.found[message.index][0])

    def action_leave(self) -> None:
        self.dismiss(None)
