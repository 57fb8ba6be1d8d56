"""Compare: the curves of two to six runs over one another, their numbers, and the settings that differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from toolkit.errors import SteptuneError
from toolkit.records import write_text
from toolkit.runs.row import RunRow
from toolkit.terminal.layout import cut, fit
from toolkit.terminal.numbers import number
from toolkit.terminal.text import clean
from tui.logic.chart import ChartOptions, Curve
from tui.logic.comparison import Comparison, compare, number_cell, setting_cell, to_csv, to_markdown
from tui.logic.feed import RunFeed
from tui.logic.lines import Line, line
from tui.logic.poller import Feed
from tui.pages.page import Page
from tui.widgets.chart import Chart
from tui.widgets.line_view import Panel
from tui.widgets.text_view import TextView


class CompareScreen(Page):
    """`m` changes the metric, `W` writes Markdown and CSV."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("m", "metric(1)", "Metric"),
        Binding("M", "metric(-1)", "Metric before", show=False),
        Binding("X", "log_axis", "Log axis"),
        Binding("w", "smooth", "Smooth"),
        Binding("W", "write", "Write .md and .csv"),
        Binding("y", "copy", "Copy Markdown"),
    ]

    def __init__(self, rows: Sequence[RunRow]) -> None:
        super().__init__()
        self.feeds = [RunFeed(row.path) for row in rows]
        self.rows = list(rows)
        self.comparison: Comparison | None = None
        self.metric: str | None = None
        self.on_log = False
        self.smooth = False

    def body(self) -> Iterable[Widget]:
        yield Panel(id="compare-head", classes="head")
        yield Panel(id="compare-legend")
        with Container(id="compare-chart", classes="row"):
            yield Chart(id="chart-0")
        yield TextView(id="compare-table")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#compare-legend", Panel).styles.height = len(self.rows)
        self.query_one("#compare-table", TextView).focus()
        self.comparison = compare(self.rows)
        for feed in self.feeds:
            self.steptune.poller.watch(feed)

    def on_unmount(self) -> None:
        for feed in self.feeds:
            self.steptune.poller.retire(feed)

    def show_feed(self, feed: Feed) -> None:
        if feed in self.feeds:
            self._show_chart()

    def redraw(self) -> None:
        if not self.is_whole or self.comparison is None:
            return
        view = self.query_one("#compare-table", TextView)
        view.set_lines(table_lines(self.comparison, (view.scrollable_content_region.width or self.size.width) - 1))
        self._show_chart()

    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for feed in self.feeds for name in feed.view.curves.names()))

    def _show_chart(self) -> None:
        if not self.is_whole or self.comparison is None:
            return
        names = self._names()
        name = self.metric if self.metric in names else (names[0] if names else "")
        curves, legend = [], []
        for index, (feed, label) in enumerate(zip(self.feeds, self.comparison.labels, strict=True), start=1):
            series = feed.view.curves.series.get(name)
            last = number(series.last if series else None)
            legend.append(
                line(
                    (f" {index} ━━ ", f"s{index}"),
                    (fit(label, max(6, *(len(other) for other in self.comparison.labels))), "bold"),
                    f"  {last:>9}",
                    (f"  {feed.view.row.id}  {feed.view.row.state}", "dim"),
                )
            )
            if series:
                curves.append(Curve(label, series.points(), f"s{index}"))
        self.query_one("#compare-legend", Panel).show(legend)
        options = ChartOptions(log_axis=self.on_log, smooth=self.smooth, ascii_only=self.steptune.ascii_only)
        self.query_one("#chart-0", Chart).show(name, curves, options)
        note = f"{name} {names.index(name) + 1}/{len(names)}, m changes" if name else "no metrics"
        self.show_head("#compare-head", f"Comparison of {len(self.rows)} runs", note)

    def action_metric(self, step: int) -> None:
        names = self._names()
        if names:
            at = names.index(self.metric) if self.metric in names else 0
            self.metric = names[(at + step) % len(names)]
            self._show_chart()

    def action_log_axis(self) -> None:
        self.on_log = not self.on_log
        self._show_chart()

    def action_smooth(self) -> None:
        self.smooth = not self.smooth
        self._show_chart()

    def action_copy(self) -> None:
        if self.comparison:
            self.steptune.copy_text(to_markdown(self.comparison), "The comparison")

    def action_write(self) -> None:
        from tui.pages.dialogs import Ask

        name = f"compare-{'-'.join(self.comparison.labels)}"[:80] if self.comparison else "compare"
        default = str(Path.cwd() / f"{name}.md")

        def answered(given: str | None) -> None:
            if given and self.comparison:
                self._write(Path(given).expanduser())

        self.app.push_screen(
            Ask(
                "Write the comparison to",
                default,
                "A .csv with the same name is written to the same folder. Existing files are replaced.",
            ),
            answered,
        )

    def _write(self, path: Path) -> None:
        assert self.comparison is not None
        markdown, table = path.with_suffix(".md"), path.with_suffix(".csv")
        try:
            write_text(markdown, to_markdown(self.comparison))
            write_text(table, to_csv(self.comparison))
        except (OSError, SteptuneError) as error:
            self.notify(f"Not written: {clean(error)}", severity="error", markup=False)
            return
        self.notify(f"{markdown} and {table.name} are written.", markup=False)


def table_lines(comparison: Comparison, width: int) -> list[Line]:
    """Numbers, then differing settings; one column a run."""
    labels = comparison.labels
    name_width = min(34, max(16, width // 4))
    column = max(8, (width - name_width) // len(labels))
    header = line(
        (fit("", name_width), ""),
        *((fit(cut(label, column - 1), column), f"s{index}") for index, label in enumerate(labels, start=1)),
    )
    lines = [header, line((" numbers", "title"))]
    lines += [
        _row(name, map(number_cell, values), name_width, column)
        for name, values in comparison.numbers.items()
        if any(value is not None for value in values)
    ]
    lines.append(line((" settings that differ" if comparison.settings else " no setting differs", "title")))
    return lines + [
        _row(name, map(setting_cell, values), name_width, column) for name, values in comparison.settings.items()
    ]


def _row(name: str, cells: Iterable[str], name_width: int, column: int) -> Line:
    return line(
        (fit(cut(f"  {name}", name_width - 1), name_width), "dim"),
        *(fit(cut(text, column - 1), column) for text in cells),
    )
