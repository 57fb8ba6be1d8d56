"""Questions over a page: yes or no (No unless one says otherwise), a line of text, a choice, a text to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from toolkit.terminal.layout import wrap
from tui.logic.lines import Line, line
from tui.pages.page import Dialog
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView


class Confirm(Dialog):
    """Asks before something that cannot be taken back. Enter says No; `y` says yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,enter,q", "answer(False)", "No"),
    ]

    def __init__(self, question: str, detail: str = "") -> None:
        super().__init__()
        self.question, self.detail = question, detail

    def compose(self) -> Iterable[Widget]:
        with Vertical(classes="dialog"):
            yield Panel(id="question")

    def on_mount(self) -> None:
        width = min(64, int(self.app.size.width * 0.9) - 7)
        lines = [line((part, "bold")) for part in wrap(self.question, width)]
        lines += [line((part, "dim")) for part in wrap(self.detail, width)] if self.detail else []
        lines += [(), line((" y", "key"), " yes   ", (" N", "key"), " no (↵, esc)")]
        panel = self.query_one("#question", Panel)
        panel.styles.height = len(lines)
        panel.styles.width = width
        panel.show(lines)

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class Ask(Dialog):
    """A line of text; None if it was left with Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel")]

    def __init__(self, question: str, value: str = "", hint: str = "") -> None:
        super().__init__()
        self.question, self.value, self.hint = question, value, hint

    def compose(self) -> Iterable[Widget]:
        with Vertical(classes="dialog wide"):
            yield Panel(id="question")
            yield Input(self.value, select_on_focus=False)

    def on_mount(self) -> None:
        panel = self.query_one("#question", Panel)
        lines = [
            line((self.question, "bold")),
            *(
                [line((part, "dim")) for part in wrap(self.hint, min(84, int(self.app.size.width * 0.9) - 7))]
                if self.hint
                else []
            ),
        ]
        panel.styles.height = len(lines)
        panel.show(lines)
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def action_leave(self) -> None:
        self.dismiss(None)


class Choose(Dialog):
    """One of a few; None if it was left with Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "Cancel")]

    def __init__(self, question: str, choices: Sequence[tuple[str, str]], current: str = "") -> None:
        super().__init__()
        self.question, self.choices, self.current = question, list(choices), current

    def compose(self) -> Iterable[Widget]:
        with Vertical(classes="dialog"):
            yield Panel(id="question")
            yield ItemList(self._draw, id="choices")

    def on_mount(self) -> None:
        width = min(
            76,
            int(self.app.size.width * 0.9) - 7,
            max(30, *(len(name) + len(note) + 6 for name, note in self.choices), len(self.question)),
        )
        question, choices = self.query_one("#question", Panel), self.query_one("#choices", ItemList)
        question.styles.width = choices.styles.width = width
        choices.styles.height = min(len(self.choices), self.app.size.height - 10)
        asked = wrap(self.question, width)
        question.styles.height = len(asked)
        question.show([line((part, "bold")) for part in asked])
        names = [name for name, _ in self.choices]
        choices.set_count(len(names), names.index(self.current) if self.current in names else 0)
        choices.focus()

    def _draw(self, index: int, _width: int) -> Line:
        name, note = self.choices[index]
        return line((" ● " if name == self.current else "   ", "accent"), name, (f"  {note}" if note else "", "dim"))

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        self.dismiss(self.choices[message.index][0])

    def action_leave(self) -> None:
        self.dismiss(None)


def rows_of_reading(height: int) -> int:
    """The rows of a text in a dialog on a terminal of that height: nine tenths of it, less frame and question."""
    return int(height * 0.9) - 6


class Reading(Dialog):
    """Lines to read and scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "leave", "Close")]

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self.title_text, self.lines = title, list(lines)

    def compose(self) -> Iterable[Widget]:
        with Vertical(classes="dialog reading"):
            yield Panel(id="question")
            yield TextView(self.lines, id="lines")

    def on_mount(self) -> None:
        self.query_one("#question", Panel).show([line((self.title_text, "title"), ("   esc closes", "dim"))])
        lines = self.query_one("#lines", TextView)
        lines.styles.height = min(max(1, len(self.lines)), rows_of_reading(self.app.size.height))
        lines.focus()

    def action_leave(self) -> None:
        self.dismiss(None)
