"""Runs, the home: every run with its state and numbers; filter, sort, columns, marks; peek at the selected one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.errors import SteptuneError
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.row import RunRow
from toolkit.terminal.numbers import counted
from toolkit.terminal.text import clean
from tui.destinations import ToComparison, ToPreflight, ToRun, ToSweep, ToTrash
from tui.logic.comparison import MAX_RUNS
from tui.logic.feed import RunFeed
from tui.logic.lines import Line, line
from tui.logic.poller import Feed
from tui.logic.run_selection import RunSelection, head_line, nothing_lines, runs_of
from tui.logic.run_table import SIGN_WIDTH, Column, header, id_width_of, run_line
from tui.logic.scanner import Snapshot
from tui.logic.sweep_rows import Item, SweepRow, sweep_line
from tui.pages import run_actions
from tui.pages.prompt import PromptPage
from tui.pages.run_page import AGAIN, ASK, LOG, NOTE, RESUME, STOP, RunPage
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel
from tui.widgets.run_strip import RunStrip

OF_ONE_RUN = ("resume", "again", "log", "note", "ask", "copy")
AT_REST_S = 0.12  # a run is read once the cursor has rested on it this long


class RunsScreen(RunPage, PromptPage):
    """Table and a strip of the selected run; on a wide terminal its chart, config and last log lines as well. Delete,
    tag, compare and stop act on the marked runs, without marks on the selected one.
    """

    MAIN_VIEW = "#runs-list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter"),
        Binding("o", "order", "Order"),
        Binding("C", "columns", "Columns"),
        Binding("space", "mark", "Mark"),
        Binding("asterisk", "mark_all", "Mark all", show=False),
        Binding("equals_sign", "compare", "Compare"),
        Binding("z", "fold", "Fold a sweep", show=False),
        STOP,
        RESUME,
        AGAIN,
        LOG,
        Binding("L", "launch", "Demo"),
        Binding("t", "tag", "Tag"),
        Binding("P", "pin", "Pin", show=False),
        NOTE,
        ASK,
        Binding("D", "delete", "Delete"),
        Binding("u", "undo", "Take back", show=False),
        Binding("v", "trash", "Trash", show=False),
        Binding("y", "copy", "Copy id", show=False),
        Binding("escape", "clear", "Clear filter and marks", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.selection = RunSelection()
        self.feed: RunFeed | None = None
        self._wanted: str | None = None  # id that had the cursor at the last start
        self._feed_timer: Any = None
        self._columns: list[Column] = []
        self._reading = False  # settings that the filter needs, in the background
        self._trashed: list[Any] = []  # what was deleted last

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
        item = self.item_shown
        return item if isinstance(item, RunRow) else None

    @property
    def item_shown(self) -> Item | None:
        """The line under the cursor: a run, or a sweep."""
        items = self.selection.items
        return items[self.table.cursor] if self.is_whole and self.table.cursor < len(items) else None

    @property
    def acted_on(self) -> list[RunRow]:
        """The marked runs, else the selected one, or those of the selected sweep."""
        marked = self.selection.marked_rows(self.steptune.snapshot)
        return marked or runs_of(self.item_shown)

    # What is shown ---------------------------------------------------------------------------------------------

    def show_snapshot(self, snapshot: Snapshot) -> None:
        super().show_snapshot(snapshot)
        if not self.is_whole or self._reads_settings(snapshot):
            return
        before = self.item_shown
        self.selection.take(snapshot)
        cursor = self.selection.index_of(self._wanted or (before.id if before else None))
        if cursor is not None and snapshot.rows:
            self._wanted = None
        self.table.empty = nothing_lines(snapshot, self.steptune.poller.scanned_once.is_set(), self.steptune.root)
        self._columns = self.selection.visible_columns(self.table.scrollable_content_region.width or self.size.width)
        self.table.set_count(len(self.selection.items), cursor)
        self._show_lines()
        self.call_after_refresh(self._show_lines)  # with a scrollbar the columns are one narrower
        self._show_selected()

    def _reads_settings(self, snapshot: Snapshot) -> bool:
        """Where the filter needs the settings of many runs, they are read in the background first."""
        unread = self.selection.unread(snapshot.rows)
        if not unread or self._reading:
            return self._reading
        self._reading = True
        head = line((f" reading the settings of {counted(len(unread), 'run')} ...", "warn"))
        self.query_one("#runs-filter-line", Panel).show([head])

        def read() -> None:
            for row in unread:
                self.selection.settings_of(row)

        def done(_none: None) -> None:
            self._reading = False
            self.show_snapshot(self.steptune.snapshot)

        self.in_thread(read, done)
        return True

    def redraw(self) -> None:
        if self.is_whole:
            self._show_lines()
            self._show_selected()

    def _show_lines(self) -> None:
        if self.is_whole and not self._reading:
            width = self.size.width
            head = head_line(self.selection, self.steptune.snapshot, self.steptune.root, width)
            self.query_one("#runs-filter-line", Panel).show([head])
            width = self.table.scrollable_content_region.width or width
            self._columns = self.selection.visible_columns(width)
            self.query_one("#runs-header", Panel).show([header(width, self._columns)])

    def _draw(self, index: int, width: int) -> Line:
        item, marked = self.selection.items[index], self.selection.marked
        if isinstance(item, SweepRow):
            count = sum(row.path in marked for row in item.runs)
            return sweep_line(item, width, SIGN_WIDTH, id_width_of(width, self._columns), count)
        is_inside = self.selection.folds_sweeps and item.parent in self.selection.unfolded
        return run_line(item, width, self._columns, item.path in marked, is_inside=is_inside)

    def _refresh_ages(self) -> None:
        if self.is_current and self.is_whole:
            self.table.repaint()

    def _show_selected(self) -> None:
        row = self.run_shown
        self.query_one(RunStrip).show_name(self.item_shown, self.size.width)
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
        self.refresh_bindings()
        self._remember()

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        item = self.item_shown
        if item is not None:
            self.steptune.open(ToSweep(item.path) if isinstance(item, SweepRow) else ToRun(item))

    def _remember(self) -> None:
        item = self.item_shown
        self.steptune.remember("runs", self.selection.remembered(item.id if item else None))

    def _select_anew(self) -> None:
        self.show_snapshot(self.steptune.snapshot)
        self._remember()

    # Which runs, and what of them ------------------------------------------------------------------------------

    async def action_filter(self) -> None:
        await self.open_prompt(self.selection.text, "state=running eval_loss<2 lr>=1e-4 tag=best mistral")

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

    def action_order(self) -> None:
        def chosen(name: str | None) -> None:
            if name is not None:
                self.selection.order_by(name)
                self._select_anew()

        self._pick("Order by", self.selection.orders(self.steptune.snapshot), chosen, self.selection.order.name)

    def action_columns(self) -> None:
        def chosen(name: str | None) -> None:
            if name is not None:
                self.selection.toggle_column(name)
                self._select_anew()

        self._pick("Show as a column", self.selection.column_choices(self.steptune.snapshot), chosen)

    def _pick(self, question: str, choices: list[tuple[str, str]], chosen: Any, current: str = "") -> None:
        from tui.pages.pick import Pick  # not needed for the first paint

        self.app.push_screen(Pick(question, choices, current), chosen)

    def action_mark(self) -> None:
        item = self.item_shown
        if item is None:
            return
        self.selection.toggle_mark(item)
        self._show_lines()
        self.table.repaint()
        self.table.action_move(1)

    def action_fold(self) -> None:
        """The sweep under the cursor, or that of the run there: show its runs, or only itself."""
        item = self.item_shown
        name = item.id if isinstance(item, SweepRow) else item.parent if item else ""
        if name and self.selection.folds_sweeps and any(each.id == name for each in self.selection.items):
            self._wanted = name
            self.selection.unfolded ^= {name}
            self.show_snapshot(self.steptune.snapshot)

    def action_mark_all(self) -> None:
        self.selection.mark_all()
        self._show_lines()
        self.table.repaint()

    # What is done to them --------------------------------------------------------------------------------------

    def action_compare(self) -> None:
        rows = self.selection.marked_rows(self.steptune.snapshot)
        if not 2 <= len(rows) <= MAX_RUNS:
            self.notify(
                f"Mark two to six runs with the space bar first; {len(rows)} are marked now.", severity="warning"
            )
            return
        self.steptune.open(ToComparison(rows))

    def action_stop(self) -> None:
        run_actions.stop(self, self.acted_on)

    def action_delete(self) -> None:
        def moved(trashed: list[Any]) -> None:
            self._trashed = trashed
            self.selection.unmark(one.origin for one in trashed)

        run_actions.delete(self, self.acted_on, moved)

    def action_undo(self) -> None:
        """Take back what was deleted last."""
        if not self._trashed:
            self.notify("Nothing was deleted here since the start; v shows the trash.", markup=False)
            return
        from toolkit.runs.trash import take_back

        taken, self._trashed = self._trashed, []
        self._tell(lambda: [take_back(one) for one in taken], f"{counted(len(taken), 'run')} taken back.")

    def action_trash(self) -> None:
        self.steptune.open(ToTrash())

    def action_tag(self) -> None:
        from toolkit.run_folder.labels import change_tags
        from tui.pages.dialogs import Ask

        rows = self.acted_on
        if not rows or self.steptune.refuse_in_read_only("tagging"):
            return

        def answered(text: str | None) -> None:
            words = (text or "").split()
            add = [word for word in words if not word.startswith("-")]
            remove = [word[1:] for word in words if word.startswith("-")]
            if words:
                work = lambda: [change_tags(RunFolder(row.path), add, remove) for row in rows]  # noqa: E731
                self._tell(work, f"{counted(len(rows), 'run')} tagged.")

        known = " ".join(dict.fromkeys(tag for row in self.steptune.snapshot.rows for tag in row.tags))[:200]
        hint = "Words; -word takes a tag away." + (f" In use: {clean(known)}" if known else "")
        self.app.push_screen(
            Ask(f"Tags of {rows[0].id if len(rows) == 1 else counted(len(rows), 'run')}", "", hint), answered
        )

    def action_pin(self) -> None:
        from toolkit.run_folder.labels import pin

        rows = self.acted_on
        if rows and not self.steptune.refuse_in_read_only("pinning"):
            wanted = not all(row.pinned for row in rows)
            said = f"{counted(len(rows), 'run')} {'on top' if wanted else 'no longer on top'} of the list."
            self._tell(lambda: [pin(RunFolder(row.path), wanted) for row in rows], said)

    def _tell(self, work: Any, said: str) -> None:
        """Change the folders of runs, and say how it went."""
        try:
            work()
        except (SteptuneError, OSError) as error:
            self.notify(clean(error), severity="error", markup=False, timeout=12)
        else:
            self.notify(said, markup=False)
        self.steptune.poller.look_again()

    def action_launch(self) -> None:
        """The preflight of the demo, for whoever has no run yet."""
        from toolkit.catalog import RECIPES
        from tui.logic.form import Form

        form = Form(next(recipe.name for recipe in RECIPES.values() if recipe.stages), "demo")
        settings, problems = form.check()
        if settings is None:
            self.notify(clean(problems[0]), severity="error", markup=False)
        else:
            self.steptune.open(ToPreflight(form, settings))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "launch":
            snapshot = self.steptune.snapshot
            return snapshot.complete and not snapshot.total and not self.steptune.read_only
        if action in OF_ONE_RUN and isinstance(self.item_shown, SweepRow):
            return False
        return super().check_action(action, parameters)

    def action_copy(self) -> None:
        if row := self.run_shown:
            self.steptune.copy_text(row.id, "The run's id")
