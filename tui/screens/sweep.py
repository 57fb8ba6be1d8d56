"""Sweep: a table of its settings and seeds, the best on top; open any run of it, compare the best two."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.run_folder.sweep_folder import SweepFolder
from toolkit.runs.row import read_row
from toolkit.runs.sweep_table import Cell, Row, SweepTable, sweep_table
from toolkit.terminal.text import clean
from tui.destinations import ToComparison, ToRun
from tui.logic.lines import Line, line
from tui.logic.scanner import Snapshot
from tui.logic.sweep_lines import foot_lines, head_line, progress_text, row_line
from tui.pages.page import Page
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel

READ_EVERY_S = 2.0


class SweepScreen(Page):
    """The cursor is on a setting; left and right choose the seed whose run is opened and compared."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("equals_sign", "compare", "Compare with the best"),
        Binding("m", "metric(1)", "Metric"),
        Binding("M", "metric(-1)", "Metric before", show=False),
        Binding("left", "sideways(-1)", "Seed before", show=False),
        Binding("right", "sideways(1)", "Seed"),
        Binding("escape", "back", "Back"),
    ]

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.sweep = SweepFolder(path)
        self.table: SweepTable | None = None
        self.metric: str | None = None
        self.seed = 0  # index among those of the table
        self._read_at = 0.0

    def body(self) -> Iterable[Widget]:
        yield Panel(id="sweep-head", classes="head")
        yield Panel(id="sweep-columns", classes="head")
        yield ItemList(self._draw, id="sweep")
        yield Panel(id="sweep-foot")

    def on_mount(self) -> None:
        super().on_mount()
        self.view.empty = [line(("  reading the runs of the sweep ...", "dim"))]
        self.view.focus()

    @property
    def view(self) -> ItemList:
        return self.query_one("#sweep", ItemList)

    @property
    def row(self) -> Row | None:
        rows = self.table.rows if self.table else ()
        return rows[self.view.cursor] if self.view.cursor < len(rows) else None

    def show_snapshot(self, snapshot: Snapshot) -> None:
        super().show_snapshot(snapshot)
        if time.monotonic() - self._read_at >= READ_EVERY_S:
            self.redraw()

    def redraw(self) -> None:
        self._read_at, sweep, metric = time.monotonic(), self.sweep, self.metric
        self.in_thread(lambda: sweep_table(sweep, metric), self._show, newest=True)

    def _show(self, table: SweepTable) -> None:
        before = self.row
        self.table = table
        self.seed = min(self.seed, max(0, len(table.seeds) - 1))
        self.view.empty = [(), line((f"  {clean(self.sweep.file)} is not there any more, or damaged.", "bad"))]
        labels = [row.label for row in table.rows]
        self.view.set_count(len(labels), labels.index(before.label) if before and before.label in labels else None)
        self.show_head("#sweep-head", f"Sweep {clean(self.sweep.path.name)}", progress_text(table, self._recipe))
        self.query_one("#sweep-columns", Panel).show([head_line(table, self.size.width, self.seed)])
        foot = self.query_one("#sweep-foot", Panel)
        lines = foot_lines(table, self.sweep.document.stop_after, self.size.width) if table.rows else []
        foot.styles.height = len(lines)
        foot.show(lines)

    @property
    def _recipe(self) -> str:
        return self.sweep.document.recipe

    def _draw(self, index: int, width: int) -> Line:
        assert self.table is not None
        return row_line(self.table, self.table.rows[index], width, self.seed)

    def _cell(self, row: Row | None) -> Cell | None:
        """The run of a setting under the chosen seed."""
        return row.cells[self.seed] if row is not None and self.seed < len(row.cells) else None

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        cell = self._cell(self.row)
        if cell is None or cell.state is None:
            self.notify("This run is not there any more.", severity="warning")
            return
        self.steptune.open(ToRun(read_row(cell.run.path)))

    def action_sideways(self, by: int) -> None:
        if self.table is not None and self.table.seeds:
            self.seed = max(0, min(len(self.table.seeds) - 1, self.seed + by))
            self._show(self.table)

    def action_metric(self, by: int) -> None:
        names = list(self.table.numbers) if self.table else []
        if names:
            at = names.index(self.table.metric) if self.table and self.table.metric in names else -1
            self.metric = names[(at + by) % len(names)]
            self.redraw()

    def action_compare(self) -> None:
        """The setting under the cursor with the best; on the best itself, the best two."""
        rows = self.table.rows if self.table else ()
        other = self.row if rows and self.row is not rows[0] else next(iter(rows[1:]), None)
        cells = [self._cell(row) for row in (rows[0] if rows else None, other)]
        paths = [cell.run.path for cell in cells if cell is not None and cell.state is not None]
        if len(paths) < 2:
            self.notify("There are no two runs with this seed to compare.", severity="warning")
            return
        self.steptune.open(ToComparison([read_row(path) for path in paths]))
