"""Runs, the home: every run with its state and numbers; filter, sort, mark for comparing, peek at the selected one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.run_folder.states import State
from tui.destinations import ToComparison, ToRun
from tui.logic.comparison import MAX_RUNS
from tui.logic.feed import RunFeed
from tui.logic.lines import Line, line
from tui.logic.poller import Feed
from tui.logic.run_row import RunRow
from tui.logic.run_selection import RunSelection, head_line, nothing_lines
from tui.logic.run_table import header, run_line
from tui.logic.scanner import Snapshot
from tui.pages import run_actions
from tui.pages.prompt import PromptPage
from tui.pages.run_page import AGAIN, LOG, RESUME, STOP, RunPage
from tui.places import NEW
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel
from tui.widgets.run_strip import RunStrip

AT_REST_S = 0.12  # a run is read once the cursor has rested on it this long


class RunsScreen(RunPage, PromptPage):
    """Table and a strip of the selected run; on a wide terminal its chart, config and last log lines as well."""

    MAIN_VIEW = "#runs-list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New"),
        Binding("slash", "filter", "Filter"),
        Binding("o", "sort", "Order"),
        Binding("space", "mark", "Mark"),
        Binding("equals_sign", "compare", "Compare"),
        STOP,
        RESUME,
        AGAIN,
        LOG,
        Binding("D", "delete", "Delete"),
        Binding("y", "copy", "Copy id"),
        Binding("escape", "clear", "Clear filter and marks", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.selection = RunSelection()
        self.feed: RunFeed | None = None
        self._wanted: str | None = None  # id that had the cursor at the last start
        self._feed_timer: Any = None

    def body(self) -> Iterable[Widget]:
        yield Panel(id="runs-filter-line", classes="head")
        yield Panel(id="runs-header", classes="head")
        yield ItemList(self._draw, id="runs-list")
        yield RunStrip(id="runs-strip")

    def on_mount(self) -> None:
        super().on_mount()
        self._wanted = self.selection.restore(self.steptune.remembered.get("runs"))
        self.table.focus()
        self.table.empty = [line(("reading the runs ...", "dim"))]
        self.set_interval(5.0, self._refresh_ages)

    @property
    def table(self) -> ItemList:
        return self.query_one("#runs-list", ItemList)

    @property
    def is_whole(self) -> bool:
        return super().is_whole and bool(self.query("#runs-text"))

    @property
    def run_shown(self) -> RunRow | None:
        rows = self.selection.rows
        return rows[self.table.cursor] if self.is_whole and self.table.cursor < len(rows) else None

    # What is shown ---------------------------------------------------------------------------------------------

    def show_snapshot(self, snapshot: Snapshot) -> None:
        super().show_snapshot(snapshot)
        if not self.is_whole:
            return
        before = self.run_shown
        self.selection.take(snapshot)
        cursor = self.selection.index_of(self._wanted or (before.id if before else None))
        if cursor is not None and snapshot.rows:
            self._wanted = None
        self.table.empty = nothing_lines(snapshot, self.steptune.poller.scanned_once.is_set(), self.steptune.root)
        self.table.set_count(len(self.selection.rows), cursor)
        self._show_lines()
        self.call_after_refresh(self._show_lines)  # with a scrollbar the columns are one narrower
        self._show_selected()

    def redraw(self) -> None:
        if self.is_whole:
            self._show_lines()
            self._show_selected()

    def _show_lines(self) -> None:
        if self.is_whole:
            width = self.size.width
            head = head_line(self.selection, self.steptune.snapshot, self.steptune.root, width)
            self.query_one("#runs-filter-line", Panel).show([head])
            self.query_one("#runs-header", Panel).show([header(self.table.scrollable_content_region.width or width)])

    def _draw(self, index: int, width: int) -> Line:
        row = self.selection.rows[index]
        return run_line(row, width, row.path in self.selection.marked)

    def _refresh_ages(self) -> None:
        if self.is_current and self.is_whole:
            self.table.repaint()

    def _show_selected(self) -> None:
        row = self.run_shown
        self.query_one(RunStrip).show_name(row, self.size.width)
        if row is None:
            self._watch(None)
        elif self.feed is None or self.feed.path != row.path:
            self._watch(None)
            if self._feed_timer is not None:
                self._feed_timer.stop()
            self._feed_timer = self.set_timer(AT_REST_S, lambda: self._watch(self.run_shown))
        self._show_detail()

    def _show_detail(self) -> None:
        row = self.run_shown
        view = self.feed.view if row is not None and self.feed is not None and self.feed.path == row.path else None
        settings = self.selection.settings_of(row) if row is not None and self.is_wide else None
        self.query_one(RunStrip).show_run(row, view, settings, self.steptune.ascii_only)

    def _watch(self, row: RunRow | None) -> None:
        """Follow the selected run's curves."""
        if self.feed is not None:
            self.steptune.poller.retire(self.feed)
            self.feed = None
        if row is not None and self.is_current and row.state is not State.UNREADABLE:
            self.feed = RunFeed(row.path)
            self.steptune.poller.watch(self.feed)

    def on_screen_suspend(self) -> None:
        self._watch(None)
        self.steptune.poller.list_needed = False

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.steptune.poller.list_needed = True

    def show_feed(self, feed: Feed) -> None:
        if feed is self.feed and self.is_whole:
            self._show_detail()

    def on_item_list_moved(self, message: ItemList.Moved) -> None:
        self._show_selected()
        self._remember()

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        if row := self.run_shown:
            self.steptune.open(ToRun(row))

    def _remember(self) -> None:
        row = self.run_shown
        self.steptune.remember("runs", self.selection.remembered(row.id if row else None))

    def _select_anew(self) -> None:
        self.show_snapshot(self.steptune.snapshot)
        self._remember()

    # Actions ---------------------------------------------------------------------------------------------------

    async def action_filter(self) -> None:
        await self.open_prompt(self.selection.text, "state=running lr>=1e-4 mistral")

    def prompt_changed(self, text: str) -> None:
        self.selection.set_filter(text)
        self.show_snapshot(self.steptune.snapshot)

    def prompt_entered(self, text: str) -> None:
        self._remember()

    def action_clear(self) -> None:
        if self.is_typing:
            self.close_prompt()
            self._remember()
            return
        self.selection.marked.clear()
        self.selection.set_filter("")
        self._select_anew()

    def action_sort(self) -> None:
        self.selection.next_order()
        self._select_anew()

    def action_mark(self) -> None:
        row = self.run_shown
        if row is None:
            return
        if not self.selection.toggle_mark(row):
            self.notify(f"{MAX_RUNS} runs are the most that can be compared.", severity="warning")
        self._show_lines()
        self.table.repaint()
        self.table.action_move(1)

    def action_compare(self) -> None:
        rows = self.selection.marked_rows(self.steptune.snapshot)
        if len(rows) < 2:
            self.notify("Mark two to six runs with the space bar first.", severity="warning")
            return
        self.steptune.open(ToComparison(rows))

    def action_new(self) -> None:
        self.steptune.open(NEW)

    def action_delete(self) -> None:
        if row := self.run_shown:
            run_actions.remove(self, row)

    def action_copy(self) -> None:
        if row := self.run_shown:
            self.steptune.copy_text(row.id, "The run's id")
