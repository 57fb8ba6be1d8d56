"""GPU: the cards of this machine, looked at again and again: load, memory, temperature and power with their curves
since the place was opened, and whose processes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from toolkit.machine.gpu_status import CardStatus, card_status
from toolkit.terminal.numbers import counted
from tui.logic.chart import ChartOptions
from tui.logic.gpu_history import METRICS, GpuHistory
from tui.logic.gpu_lines import gpu_lines
from tui.logic.lines import line
from tui.pages.page import Page
from tui.widgets.chart import Chart
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView

EVERY_S = 2.0
LEAST_FOR_CHARTS = 20  # rows of the terminal


class GpuScreen(Page):
    """nvidia-smi is asked in a thread, only while the page is in front. Of curves a wide terminal shows all."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.go('runs')", "Back"),
        Binding("m", "metric(1)", "Curve"),
        Binding("M", "metric(-1)", "Curve before", show=False),
        Binding("r", "look", "Look again"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[CardStatus] = []
        self.problem = ""
        self.looking = self.has_looked = False
        self.history = GpuHistory()
        self.metric = 0
        self._since = time.monotonic()

    def body(self) -> Iterable[Widget]:
        yield Panel(id="gpu-head", classes="head")
        yield TextView([line(("  asking nvidia-smi ...", "dim"))], id="gpus")
        with Container(id="gpu-charts"):
            yield from (Chart(id=f"gpu-chart-{index}") for index in range(len(METRICS)))

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
        self.history.add(self.cards, (time.monotonic() - self._since) / 60)
        self.looking, self.has_looked = False, True
        self.redraw()

    def redraw(self) -> None:
        if not self.is_whole or not self.has_looked:
            return
        self.show_head("#gpu-head", "GPU", counted(len(self.cards), "card") if self.cards else "")
        view = self.query_one("#gpus", TextView)
        width = max(40, (view.scrollable_content_region.width or self.size.width) - 1)
        view.set_lines(gpu_lines(self.cards, self.problem, width))
        self._show_charts()

    def _show_charts(self) -> None:
        charts = self.query_one("#gpu-charts")
        charts.display = bool(self.cards) and self.size.height >= LEAST_FOR_CHARTS
        names = list(METRICS)
        shown = names if self.is_wide else [names[self.metric]]
        for index, chart in enumerate(self.query(Chart)):
            chart.display = index < len(shown)
            if index < len(shown):
                title = shown[index] if self.is_wide else f"{shown[index]}  {self.metric + 1}/{len(names)}, m changes"
                options = ChartOptions(ascii_only=self.steptune.ascii_only)
                chart.show(f"{title}, by minutes", self.history.curves(shown[index]), options)

    def action_metric(self, by: int) -> None:
        self.metric = (self.metric + by) % len(METRICS)
        self.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (action == "metric" and (self.is_wide or not self.cards))
