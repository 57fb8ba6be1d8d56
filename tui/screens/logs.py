"""Logs: the whole log of a run, of any size; search by regular expression, follow the end."""

from __future__ import annotations

import re
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
from tui.logic.poller import Feed
from tui.pages.prompt import PromptPage
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


class LogsScreen(PromptPage):
    """`/` searches forwards, `?` stays help; `n` and `N` go on, `f` follows."""

    MAIN_VIEW = "#log"
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
        self.path = RunFolder(run_path).log_file
        self.title_text = title
        self.feed = LogFeed(self.path)
        self._searching = False

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

    def on_log_view_scrolled(self) -> None:
        log, view = self.feed.log, self.log_view
        place = "following the end" if view.following else f"line {view.top + 1}"
        count = f"{log.line_count} lines" if log.complete else f"indexing {100 * log.indexed // max(1, log.size)} %"
        pattern = f"   /{clean(view.pattern.pattern)}" if view.pattern else ""
        note = f"  {file_size(log.size)}, {count}   {place}{pattern}"
        title = cut(f" {self.title_text}", max(10, self.size.width - len(note)))
        self.query_one("#log-head", Panel).show([line((title, "bold"), (note, "dim"))])

    async def action_search(self) -> None:
        await self.open_prompt(placeholder="regular expression; lower case finds both cases")

    def prompt_entered(self, text: str) -> None:
        if not text:
            self.log_view.pattern = self.log_view.match_line = None
            self.log_view.repaint()
            return
        try:
            self.log_view.pattern = re.compile(text, re.IGNORECASE if text == text.lower() else 0)
        except re.error as error:
            self.notify(f"Not a regular expression: {clean(error)}", severity="error", markup=False)
            return
        self.log_view.match_line = None
        self._find(backwards=self.log_view.following)

    async def action_next(self, backwards: bool) -> None:
        if self.log_view.pattern is None:
            await self.action_search()
        else:
            self._find(backwards)

    def _find(self, backwards: bool) -> None:
        if self._searching:
            return
        self._searching = True
        pattern, view = self.log_view.pattern, self.log_view
        last = self.feed.log.line_count - 1
        start = (
            (view.match_line + (-1 if backwards else 1))
            if view.match_line is not None
            else (last if view.following and backwards else view.top)
        )

        def search() -> int | None:
            found: int | None = None
            at = start
            while found is None and pattern is not None and 0 <= at < self.feed.log.line_count and self.is_whole:
                found, at = self.feed.log.find(pattern, at, backwards, max_lines=20_000)
            return found

        self.in_thread(search, lambda found: self._found(found, backwards))

    def _found(self, number: int | None, backwards: bool) -> None:
        self._searching = False
        if number is None:
            self.notify(
                f"No match {'before' if backwards else 'after'} here; {'n' if backwards else 'N'} looks the other way.",
                severity="warning",
            )
            return
        self.log_view.match_line = number
        self.log_view.show_line(number)

    def action_follow(self) -> None:
        self.log_view.action_last()

    def action_copy(self) -> None:
        self.steptune.copy_text(str(self.path), "The log's path")
