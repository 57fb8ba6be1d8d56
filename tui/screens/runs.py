"""Runs, the home: every run with its state and numbers; filter, sort, mark for comparing; a look at the selected one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from tui import run_actions
from tui.logic import filters
from tui.logic.chart import ChartOptions, Curve
from tui.logic.comparison import MAX_RUNS
from tui.logic.feed import RunFeed
from tui.logic.lines import Line, line
from tui.logic.poller import Feed
from tui.logic.run_detail import detail_lines
from tui.logic.run_row import RunRow, load_settings
from tui.logic.run_table import SORTS, header, run_line, select
from tui.logic.scanner import Snapshot
from tui.logic.text import clean, cut, fit
from tui.screens.page import Page
from tui.widgets.chart import Chart
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel


class RunsScreen(Page):
    """Table and a strip of the selected run; on a wide terminal its chart, config and last log lines as well."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New"),
        Binding("slash", "filter", "Filter"),
        Binding("o", "sort", "Order"),
        Binding("space", "mark", "Mark"),
        Binding("equals_sign", "compare", "Compare"),
        Binding("c", "stop", "Stop"),
        Binding("R", "resume", "Resume"),
        Binding("e", "again", "New from this"),
        Binding("l", "log", "Log"),
        Binding("D", "delete", "Delete"),
        Binding("y", "copy", "Copy id"),
        Binding("escape", "clear", "Clear filter and marks", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[RunRow] = []
        self.marked: list[Path] = []
        self.terms: tuple[filters.Term, ...] = ()
        self.filter_text = ""
        self.filter_problem = ""
        self.sort = SORTS[0]
        self.feed: RunFeed | None = None
        self._settings: dict[Path, dict[str, Any]] = {}
        self._wanted: str | None = None  # id that had the cursor at the last start
        self._feed_timer: Any = None

    def body(self) -> Iterable[Widget]:
        yield Panel(id="runs-filter-line", classes="head")
        yield Panel(id="runs-header", classes="head")
        yield ItemList(self._draw, id="runs-list")
        yield Panel(id="runs-rule", classes="rule")
        with Horizontal(id="runs-detail"):
            yield Chart(id="runs-chart")
            with Vertical(id="runs-side", classes="col"):
                yield Panel(id="runs-text")

    def on_mount(self) -> None:
        super().on_mount()
        remembered = self.steptune.remembered.get("runs")
        if isinstance(remembered, dict):
            self.sort = str(remembered.get("sort")) if remembered.get("sort") in SORTS else SORTS[0]
            self._wanted = remembered.get("cursor")
            self._set_filter(str(remembered.get("filter", "")))
        self.table.focus()
        self.table.empty = [line(("reading the runs ...", "dim"))]
        self.set_interval(5.0, self._refresh_ages)

    @property
    def table(self) -> ItemList:
        return self.query_one("#runs-list", ItemList)

    @property
    def selected(self) -> RunRow | None:
        return self.rows[self.table.cursor] if self.rows and self.table.cursor < len(self.rows) else None

    # What is shown ---------------------------------------------------------------------------------------------

    def show_snapshot(self, snapshot: Snapshot) -> None:
        super().show_snapshot(snapshot)
        if not self.query("#runs-list"):
            return
        before = self.selected
        wanted = self._wanted or (before.id if before else None)
        self.rows = select(snapshot.rows, self.terms, self.sort, self._settings_of)
        cursor = next((index for index, row in enumerate(self.rows) if row.id == wanted), None)
        if cursor is not None and snapshot.rows:
            self._wanted = None
        self.table.empty = self._nothing(snapshot)
        self.table.set_count(len(self.rows), cursor)
        self._show_lines(snapshot)
        self.call_after_refresh(self._show_lines, snapshot)  # with a scrollbar the columns are one narrower
        self._show_selected()

    def _nothing(self, snapshot: Snapshot) -> list[Line]:
        if snapshot.problem:
            return [(), line(("  " + snapshot.problem, "bad"))]
        if snapshot.rows:
            return [(), line(("  No run fits the filter; ", ""), ("esc", "key"), " shows all.")]
        if not self.steptune.poller.scanned_once.is_set():
            return [(), line(("  reading the runs ...", "dim"))]
        return [
            (),
            line(f"  There are no runs in {clean(self.steptune.root)} yet.", ("", "")),
            (),
            line("  ", ("n", "key"), "  picks a recipe, adjusts it and starts it"),
            line("  ", ("6", "key"), "  says what this machine can run"),
        ]

    def _show_lines(self, snapshot: Snapshot) -> None:
        width = self.size.width
        count = f"{len(self.rows)} of {len(snapshot.rows)} runs" if self.terms else f"{len(snapshot.rows)} runs"
        extra = f"  {len(self.marked)} marked" if self.marked else ""
        spans: list[Any] = [(f" {count}", "title"), (extra, "mark"), (f"  by {self.sort}", "dim")]
        if self.filter_text:
            spans += [("  filter: ", "dim"), (cut(clean(self.filter_text), max(8, width - 50)), "key")]
        else:
            spans += [(f"  in {clean(self.steptune.root)}"[: max(0, width - 34)], "dim")]
        if self.filter_problem:
            spans = [(f" {cut(self.filter_problem, width - 2)}", "bad")]
        self.query_one("#runs-filter-line", Panel).show([line(*spans)])
        self.query_one("#runs-header", Panel).show([header(self.table.scrollable_content_region.width or width)])

    def _draw(self, index: int, width: int) -> Line:
        row = self.rows[index]
        return run_line(row, width, row.path in self.marked)

    def _refresh_ages(self) -> None:
        if self.is_current:
            self.table.repaint()

    def _show_selected(self) -> None:
        row = self.selected
        rule = f"─ {row.id} " if row else ""
        self.query_one("#runs-rule", Panel).show([line((fit(rule + "─" * max(0, self.size.width - len(rule)), self.size.width), "dim"))])
        if row is None:
            self._watch(None)
        elif self.feed is None or self.feed.path != row.path:
            self._watch(None)
            if self._feed_timer is not None:
                self._feed_timer.stop()
            self._feed_timer = self.set_timer(0.12, lambda: self._watch(self.selected))
        self._show_detail()

    def _watch(self, row: RunRow | None) -> None:
        """Follow the selected run's curves, once the cursor has come to rest on it."""
        if self.feed is not None:
            self.steptune.poller.retire(self.feed)
            self.feed = None
        if row is not None and self.is_current and row.state != "unreadable":
            self.feed = RunFeed(row.path)
            self.steptune.poller.watch(self.feed)

    def on_screen_suspend(self) -> None:
        self._watch(None)
        self.steptune.poller.list_needed = False

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.steptune.poller.list_needed = True

    def show_feed(self, feed: Feed) -> None:
        if feed is self.feed:
            self._show_detail()

    def _show_detail(self) -> None:
        row = self.selected
        chart, text = self.query_one("#runs-chart", Chart), self.query_one("#runs-text", Panel)
        if row is None:
            chart.show("", [], ChartOptions())
            text.show([])
            return
        view = self.feed.view if self.feed is not None and self.feed.path == row.path else None
        name = next(iter(view.curves.names()), "loss") if view else "loss"
        series = view.curves.series.get(name) if view else None
        curves = [Curve(name, series.points())] if series else []
        end = row.total if row.phase == "train" or row.total else None
        chart.show(name, curves, ChartOptions(ascii_only=self.steptune.ascii_only, x_end=end))
        side = self.query_one("#runs-side").size
        settings = self._settings_of(row) if self.is_wide else None
        text.show(detail_lines(row, view.log if view else (), settings, side.width - 1, side.height))

    def _settings_of(self, row: RunRow) -> dict[str, Any]:
        if row.path not in self._settings:
            self._settings[row.path] = load_settings(row.path)
        return self._settings[row.path]

    # Actions ---------------------------------------------------------------------------------------------------

    def on_item_list_moved(self, message: ItemList.Moved) -> None:
        self._show_selected()
        self._remember()

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        if row := self.selected:
            self.steptune.follow(row)

    def _remember(self) -> None:
        row = self.selected
        self.steptune.remember("runs", {"filter": self.filter_text, "sort": self.sort, "cursor": row.id if row else None})

    async def action_filter(self) -> None:
        from textual.widgets import Input  # not needed for the first paint

        prompt = Input(
            self.filter_text, placeholder="state=running lr>=1e-4 mistral", classes="prompt -open", id="filter-input", select_on_focus=False
        )
        await self.mount(prompt, before="#keys")
        prompt.focus()

    def on_input_changed(self, event: Any) -> None:
        self._set_filter(event.value)
        self.show_snapshot(self.steptune.snapshot)

    def on_input_submitted(self) -> None:
        self._close_filter()

    def _close_filter(self) -> None:
        self.query("#filter-input").remove()
        self.table.focus()
        self._remember()

    def _set_filter(self, text: str) -> None:
        """Take over a filter as far as it can be read; while a term is half-typed the last good filter stays."""
        self.filter_text, self.filter_problem = text, ""
        try:
            self.terms = filters.parse(text)
        except filters.FilterError as error:
            self.filter_problem = clean(error)

    def action_clear(self) -> None:
        if self.query("#filter-input"):
            self._close_filter()
            return
        self.marked.clear()
        self._set_filter("")
        self.show_snapshot(self.steptune.snapshot)
        self._remember()

    def action_sort(self) -> None:
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        self.show_snapshot(self.steptune.snapshot)
        self._remember()

    def action_mark(self) -> None:
        row = self.selected
        if row is None:
            return
        if row.path in self.marked:
            self.marked.remove(row.path)
        elif len(self.marked) < MAX_RUNS:
            self.marked.append(row.path)
        else:
            self.notify(f"{MAX_RUNS} runs are the most that can be compared.", severity="warning")
        self._show_lines(self.steptune.snapshot)
        self.table.repaint()
        self.table.action_move(1)

    def action_compare(self) -> None:
        from tui.screens.compare import CompareScreen

        rows = [row for row in self.steptune.snapshot.rows if row.path in self.marked]
        if len(rows) < 2:
            self.notify("Mark two to six runs with the space bar first.", severity="warning")
            return
        self.app.push_screen(CompareScreen(sorted(rows, key=lambda row: self.marked.index(row.path))))

    def action_new(self) -> None:
        self.steptune.action_go("new")

    def action_again(self) -> None:
        """A new run from the selected one's config."""
        from tui.screens.form import FormScreen, form_from_run

        if row := self.selected:
            form = form_from_run(row)
            if form is None:
                self.notify("Its config cannot be read.", severity="error")
                return
            self.app.push_screen(FormScreen(form))

    def action_stop(self) -> None:
        if row := self.selected:
            run_actions.stop(self.steptune, row)

    def action_resume(self) -> None:
        if row := self.selected:
            run_actions.resume(self.steptune, row)

    def action_delete(self) -> None:
        if row := self.selected:
            run_actions.remove(self.steptune, row)

    def action_copy(self) -> None:
        if row := self.selected:
            self.steptune.copy_text(row.id, "The run's id")

    def action_log(self) -> None:
        from tui.screens.logs import LogsScreen

        if row := self.selected:
            self.app.push_screen(LogsScreen(row.path, row.id))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (self.steptune.read_only and action in ("new", "stop", "resume", "delete", "again"))
