"""Logs: the whole log of a run, of any size; search by regular expression, follow the end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from tui.logic.lines import line
from tui.logic.log_file import LogFile
from tui.logic.poller import Feed
from tui.logic.text import clean, cut, file_size
from tui.screens.page import Page
from tui.widgets.line_view import Panel
from tui.widgets.log_view import LogView

PIECE = 48 << 20


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


class LogsScreen(Page):
    """`/` searches forwards, `?` stays help; `n` and `N` go on, `f` follows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
        Binding("slash", "search", "Search"),
        Binding("n", "next(False)", "Next"),
        Binding("N", "next(True)", "Previous"),
        Binding("f", "follow", "Follow"),
        Binding("y", "copy", "Copy path"),
    ]

    def __init__(self, run_path: Path, title: str) -> None:
        super().__init__()
        self.path = run_path / "log.txt"
        self.title_text = title
        self.feed = LogFeed(self.path)
        self._searching = False

    def body(self) -> Iterable[Widget]:
        yield Panel(id="log-head", classes="head")
        yield LogView(self.feed.log, id="log")
        yield Input(placeholder="regular expression; lower case finds both cases", classes="prompt", id="search-input")

    def on_mount(self) -> None:
        super().on_mount()
        self.log_view.focus()
        self.steptune.poller.watch(self.feed)

    def on_unmount(self) -> None:
        self.steptune.poller.retire(self.feed)

    @property
    def log_view(self) -> LogView:
        return self.query_one("#log", LogView)

    def _resume(self) -> None:
        super()._resume()
        self.log_view.show_news()

    def show_feed(self, feed: Feed) -> None:
        if feed is self.feed and self.is_attached:
            self.log_view.show_news()

    def on_log_view_scrolled(self) -> None:
        log, view = self.feed.log, self.log_view
        place = "following the end" if view.following else f"line {view.top + 1}"
        count = f"{log.line_count} lines" if log.complete else f"indexing {100 * log.indexed // max(1, log.size)} %"
        pattern = f"   /{clean(view.pattern.pattern)}" if view.pattern else ""
        note = f"  {file_size(log.size)}, {count}   {place}{pattern}"
        title = cut(f" {self.title_text}", max(10, self.size.width - len(note)))
        self.query_one("#log-head", Panel).show([line((title, "bold"), (note, "dim"))])

    def action_search(self) -> None:
        prompt = self.query_one("#search-input", Input)
        prompt.add_class("-open")
        prompt.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._close_prompt()
        if not event.value:
            self.log_view.pattern = self.log_view.match_line = None
            self.log_view.repaint()
            return
        try:
            flags = re.IGNORECASE if event.value == event.value.lower() else 0
            self.log_view.pattern = re.compile(event.value, flags)
        except re.error as error:
            self.notify(f"Not a regular expression: {clean(error)}", severity="error", markup=False)
            return
        self.log_view.match_line = None
        self._find(backwards=self.log_view.following)

    def _close_prompt(self) -> None:
        self.query_one("#search-input", Input).remove_class("-open")
        self.log_view.focus()

    def action_back(self) -> None:
        if self.query_one("#search-input", Input).has_class("-open"):
            self._close_prompt()
        else:
            super().action_back()

    def action_next(self, backwards: bool) -> None:
        if self.log_view.pattern is None:
            self.action_search()
        else:
            self._find(backwards)

    def _find(self, backwards: bool) -> None:
        if self._searching:
            return
        self._searching = True
        pattern, view = self.log_view.pattern, self.log_view
        last = self.feed.log.line_count - 1
        start = (view.match_line + (-1 if backwards else 1)) if view.match_line is not None else (last if view.following and backwards else view.top)

        def search() -> None:
            found: int | None = None
            at = start
            while found is None and pattern is not None and 0 <= at < self.feed.log.line_count and self.is_attached:
                found, at = self.feed.log.find(pattern, at, backwards, max_lines=20_000)
            if self.app.is_running:
                self.app.call_from_thread(self._found, found, backwards)

        self.run_worker(search, thread=True, exit_on_error=False)

    def _found(self, number: Any, backwards: bool) -> None:
        self._searching = False
        if number is None:
            self.notify(f"No match {'before' if backwards else 'after'} here; {'n' if backwards else 'N'} looks the other way.", severity="warning")
            return
        self.log_view.match_line = int(number)
        self.log_view.show_line(int(number))

    def action_follow(self) -> None:
        self.log_view.action_last()

    def action_copy(self) -> None:
        self.steptune.copy_text(str(self.path), "The log's path")
