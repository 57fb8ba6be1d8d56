"""GPU: the cards of this machine, looked at again and again: load, memory, temperature, power, whose processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.machine.gpu_status import CardStatus, card_status
from toolkit.terminal.numbers import counted
from tui.logic.gpu_lines import gpu_lines
from tui.logic.lines import line
from tui.pages.page import Page
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView

EVERY_S = 2.0


class GpuScreen(Page):
    """nvidia-smi is asked in a thread, only while the page is in front."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.go('runs')", "Back"),
        Binding("r", "look", "Look again"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[CardStatus] = []
        self.problem = ""
        self.looking = self.has_looked = False

    def body(self) -> Iterable[Widget]:
        yield Panel(id="gpu-head", classes="head")
        yield TextView([line(("  asking nvidia-smi ...", "dim"))], id="gpus")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#gpus", TextView).focus()
        self.action_look()
        self.set_interval(EVERY_S, self.action_look)

    def action_look(self) -> None:
        if not self.looking and self.is_current:
            self.looking = True
            self.in_thread(card_status, self._looked)

    def _looked(self, found: tuple[list[CardStatus], str]) -> None:
        self.cards, self.problem = found
        self.looking, self.has_looked = False, True
        self.redraw()

    def redraw(self) -> None:
        if not self.is_whole or not self.has_looked:
            return
        self.show_head("#gpu-head", "GPU", counted(len(self.cards), "card") if self.cards else "")
        view = self.query_one("#gpus", TextView)
        width = max(40, (view.scrollable_content_region.width or self.size.width) - 1)
        view.set_lines(gpu_lines(self.cards, self.problem, width))
