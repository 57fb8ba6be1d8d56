"""A chart of one metric, of one run or several."""

from __future__ import annotations

from collections.abc import Sequence

from tui.logic.chart import ChartOptions, Curve, draw
from tui.logic.lines import Line
from tui.widgets.line_view import LineView


class Chart(LineView):
    """Shows the curves that it is given; only cells that change are sent."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=f"panel {classes or ''}".strip())
        self._title = ""
        self._curves: Sequence[Curve] = ()
        self._options = ChartOptions()

    def show(self, title: str, curves: Sequence[Curve], options: ChartOptions) -> None:
        shown = (title, curves, options)
        if shown == (self._title, self._curves, self._options) and not self.is_stale:
            return
        self._title, self._curves, self._options = shown
        self.repaint()

    def visible_lines(self, width: int, height: int, top: int) -> list[Line]:
        return draw(self._title, self._curves, width, height, self._options)
