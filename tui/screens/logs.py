"""Logs: the whole log of a run, of any size; search by regular expression, follow the end."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.layout import cut
from toolkit.terminal.numbers import file_size
from toolkit.terminal.text import clean
from tui.logic.lines import line
from tui.logic.log_file import LogFile
from tui.logic.log_search import LogSearch
from tui.logic.poller import Feed
from tui.pages.prompt import PromptPage
from tui.widgets.line_view import Panel
from tui.widgets.log_view import ERROR, LogView

PIECE = 48 << 20
TELL_S = 0.2  # how often a search says how far it is


class LogFeed:
    """Keeps a log's size and index up to date, in the poller's thread, a piece at a time."""

    def __init__(self, path: Path) -> None:
        self.log = LogFile(path)
        self.log.refresh()

    def poll(self) -> tuple[bool, bool]:
        changed = self.log.refresh()
        before = self.log.indexed
        more = self.log.extend(PIECE)
        return changed or self.log.indexed != before, more

    def close(self) -> None:
        self.log.close()


class LogsScreen(PromptPage):
    """`/` searches forwards, `?` stays help; `n` and `N` go on, `G` follows."""

    MAIN_VIEW = "#log"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("slash", "search", "Search"),
        Binding("n", "next(False)", "Next"),
        Binding("N", "next(True)", "Previous"),
        Binding("y", "copy", "Copy path"),
    ]

    def __init__(self, run_path: Path, title: str, at_error: bool = False) -> None:
        super().__init__()
        self.at_error = at_error
        self.path = RunFolder(run_path).log_file
        self.title_text = title
        self.feed = LogFeed(self.path)
        self.search: LogSearch | None = None
        self._wanted: tuple[int, bool] | None = None  # the line from which a match is looked for, and whether backwards
        self._looking = False

    def body(self) -> Iterable[Widget]:
        yield Panel(id="log-head", classes="head")
        yield LogView(self.feed.log, id="log")

    def on_mount(self) -> None:
        super().on_mount()
        self.log_view.focus()
        self.steptune.poller.watch(self.feed)

    def on_unmount(self) -> None:
        self.steptune.poller.retire(self.feed)

    @property
    def log_view(self) -> LogView:
        return self.query_one("#log", LogView)

    def redraw(self) -> None:
        self.log_view.show_news()

    def show_feed(self, feed: Feed) -> None:
        if feed is self.feed and self.is_whole:
            self.log_view.show_news()
            if self.at_error and self.feed.log.complete:
                self.at_error = False
                self._look_for(ERROR)
            self._search_on()

    def on_log_view_scrolled(self) -> None:
        log, view = self.feed.log, self.log_view
        place = "following the end" if view.following else f"line {view.top + 1}"
        count = f"{log.line_count} lines" if log.complete else f"indexing {100 * log.indexed // max(1, log.size)} %"
        note = f"  {file_size(log.size)}, {count}   {place}"
        found = ""
        if self.search is not None:  # in place of what one knows anyway
            note = f"  {count}"
            what = "errors" if self.search.pattern is ERROR else f"/{clean(self.search.pattern.pattern)}"
            found = f"  {self.search.note(view.match_line)}   {what}"
        title = cut(f" {self.title_text}", max(10, self.size.width - len(note) - len(found)))
        self.query_one("#log-head", Panel).show([line((title, "bold"), (note, "dim"), (found, "key"))])

    async def action_search(self) -> None:
        await self.open_prompt(placeholder="regular expression; lower case finds both cases")

    def prompt_entered(self, text: str) -> None:
        self.log_view.match_line = self._wanted = None
        if not text:
            self.log_view.pattern = self.search = None
            self.log_view.repaint()
            self.on_log_view_scrolled()
            return
        try:
            pattern = re.compile(text, re.IGNORECASE if text == text.lower() else 0)
        except re.error as error:
            self.notify(f"Not a regular expression: {clean(error)}", severity="error", markup=False)
            return
        self._look_for(pattern)

    def _look_for(self, pattern: re.Pattern[str]) -> None:
        self.log_view.pattern, self.search = pattern, LogSearch(self.feed.log, pattern)
        self.log_view.repaint()
        self._find(backwards=self.log_view.following)

    async def action_next(self, backwards: bool) -> None:
        if self.log_view.pattern is None:
            await self.action_search()
        else:
            self._find(backwards)

    def _find(self, backwards: bool) -> None:
        """Go to the next match: at once where it is known, else as soon as the thread has found it."""
        view = self.log_view
        if view.match_line is not None:
            start = view.match_line + (-1 if backwards else 1)
        else:
            start = self.feed.log.line_count - 1 if view.following and backwards else view.top
        self._wanted = start, backwards
        self._search_on()

    def _search_on(self) -> None:
        """Look for the match that is wanted, then at all lines that were not looked at yet, in a thread."""
        search = self.search
        if search is None or self._looking or not (search.has_more or self._wanted):
            return
        self._looking = True

        def look() -> None:
            told = 0.0
            while self.search is search and self.is_whole and self._look_at_more(search):
                if time.monotonic() - told > TELL_S:
                    told = time.monotonic()
                    self.app.call_from_thread(self._searched)

        def ended(_none: None) -> None:
            self._looking = False
            self._searched()
            if self.search is not search:  # another pattern was typed meanwhile
                self._search_on()

        self.in_thread(look, ended)

    def _look_at_more(self, search: LogSearch) -> bool:
        """In the thread: a piece of the way to the match that is wanted, or of the whole log."""
        if (wanted := self._wanted) is None:
            return search.step()
        start, backwards = wanted
        found, at = search.nearest(start, backwards)
        if self._wanted is not wanted:  # another key was pressed
            return True
        if found is None and 0 <= at < self.feed.log.line_count:
            self._wanted = at, backwards
        else:
            self._wanted = None
            self.app.call_from_thread(self._found, found, backwards)
        return True

    def _found(self, number: int | None, backwards: bool) -> None:
        if not self.is_whole:
            return
        if number is None and self.search is not None and self.search.pattern is ERROR:  # nobody typed it
            self.log_view.pattern = self.search = None
            self.log_view.show_news()
            return
        if number is None:
            self.notify(
                f"No match {'before' if backwards else 'after'} here; {'n' if backwards else 'N'} looks the other way.",
                severity="warning",
            )
            return
        self.log_view.match_line = number
        self.log_view.show_line(number)

    def _searched(self) -> None:
        if self.is_whole:
            self.on_log_view_scrolled()

    def action_copy(self) -> None:
        self.steptune.copy_text(str(self.path), "The log's path")
