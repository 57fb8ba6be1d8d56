"""`?`: every key that works on the screen below, generated from its bindings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget

from toolkit.terminal.layout import fit
from tui.logic.lines import Line, line
from tui.pages.dialogs import rows_of_reading
from tui.pages.page import Dialog
from tui.widgets.bars import key_name
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView

# Textual's own keys that say nothing here.
_LEFT_OUT = {
    "app.focus_next",
    "app.focus_previous",
    "screen.copy_text",
    "help_quit",
    "app.help_quit",
    "focus_next",
    "focus_previous",
    "maximize",
    "minimize",
}


def help_lines(screen: Screen[Any]) -> list[Line]:
    """The keys of a screen by where they come from; the same action on several keys is one line."""
    groups: dict[str, dict[str, tuple[list[str], str]]] = {}
    for key, active in screen.active_bindings.items():
        binding = active.binding
        if not binding.description or binding.action in _LEFT_OUT:
            continue
        owner = (
            "Everywhere"
            if active.node is screen.app
            else "This screen"
            if active.node is screen
            else "In the list or field"
        )
        keys, description = groups.setdefault(owner, {}).get(binding.action, ([], binding.description))
        # Textual binds some actions itself (ctrl+q); the words are those of the shorter key.
        shorter = not keys or len(key) < min(map(len, keys))
        groups[owner][binding.action] = ([*keys, key_name(key)], binding.description if shorter else description)
    lines: list[Line] = []
    for owner in ("This screen", "In the list or field", "Everywhere"):
        if owner in groups:
            lines += [line((owner, "title"))]
            lines += [
                line((f"  {fit(' '.join(dict.fromkeys(keys)), 14)}", "key"), description)
                for keys, description in groups[owner].values()
            ]
            lines.append(())
    return lines


class HelpScreen(Dialog):
    """Shows `help_lines` of the screen that it was called from."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "leave", "Close")]

    def __init__(self, about: Screen[Any]) -> None:
        super().__init__()
        self.help_text = help_lines(about)

    def compose(self) -> Iterable[Widget]:
        with Vertical(classes="dialog reading"):
            yield Panel(id="question")
            yield TextView(self.help_text, id="lines")

    def on_mount(self) -> None:
        self.query_one("#question", Panel).show(
            [line(("Keys", "title"), ("   esc closes, ctrl+p has every action by name", "dim"))]
        )
        lines = self.query_one("#lines", TextView)
        lines.styles.height = min(len(self.help_text), rows_of_reading(self.app.size.height))
        lines.focus()

    def action_leave(self) -> None:
        self.dismiss(None)
