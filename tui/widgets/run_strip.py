"""The strip of the selected run below the list: its name, its curve, and next to that what is known of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from toolkit.runs.row import RunRow
from toolkit.terminal.layout import fit
from toolkit.terminal.text import clean
from tui.logic.chart import ChartOptions, Curve
from tui.logic.feed import FeedView
from tui.logic.lines import line
from tui.logic.run_detail import detail_lines
from tui.logic.sweep_rows import Item
from tui.widgets.chart import Chart
from tui.widgets.line_view import Panel


class RunStrip(Vertical):
    """Shows a run of the list; `view` is what its feed has read so far."""

    def compose(self) -> Iterable[Widget]:
        yield Panel(id="runs-rule", classes="rule")
        with Horizontal(id="runs-detail"):
            yield Chart(id="runs-chart")
            with Vertical(id="runs-side", classes="col"):
                yield Panel(id="runs-text")

    def show_name(self, item: Item | None, width: int) -> None:
        name = f"─ {clean(item.id)} " if item else ""
        self.query_one("#runs-rule", Panel).show([line((fit(name + "─" * max(0, width - len(name)), width), "dim"))])

    def show_run(
        self, row: RunRow | None, view: FeedView | None, settings: dict[str, Any] | None, ascii_only: bool
    ) -> None:
        """`settings` None leaves them out, where there is no room."""
        chart, text = self.query_one("#runs-chart", Chart), self.query_one("#runs-text", Panel)
        if row is None:
            chart.show("", [], ChartOptions())
            text.show([])
            return
        name = next(iter(view.curves.names()), "loss") if view else "loss"
        series = view.curves.series.get(name) if view else None
        end = row.total if row.phase == "train" or row.total else None
        chart.show(
            name, [Curve(name, series.points())] if series else [], ChartOptions(ascii_only=ascii_only, x_end=end)
        )
        side = self.query_one("#runs-side").size
        text.show(detail_lines(row, view.log if view else (), settings, side.width - 1, side.height))
