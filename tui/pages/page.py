"""What all full screens share: top line, key line, the sentence for a terminal that is too small, and their news."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import App
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerState, get_current_worker

from toolkit.terminal.layout import wrap
from toolkit.terminal.text import clean
from tui.destinations import Goal
from tui.host import Host, host_of
from tui.logic.lines import line
from tui.logic.poller import Feed
from tui.logic.scanner import Snapshot
from tui.widgets.bars import KeyBar, TopBar
from tui.widgets.line_view import Panel

MIN_COLUMNS, MIN_ROWS = 60, 18
Found = TypeVar("Found")


class Page(Screen[Any]):
    """A screen with the program's frame; `body` yields what is in between, `redraw` fills it."""

    leads_to_launch: ClassVar[bool] = False  # left once the run that it is about has been launched

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError

    def compose(self) -> Iterable[Widget]:
        yield TopBar()
        yield from self.body()
        yield KeyBar()
        yield Panel(id="too-small")

    @property
    def steptune(self) -> Host:
        return host_of(self)

    @property
    def is_whole(self) -> bool:
        """Whether the page's parts are there: timers, threads and the poller may come before they are, and after."""
        has_parts = any(isinstance(child, KeyBar) for child in self.children)
        return self.is_attached and self.display and has_parts  # a page that is being removed is not displayed

    def on_mount(self) -> None:
        self.bindings_updated_signal.subscribe(self, lambda _screen: self._update_frame())
        self.call_after_refresh(self._resume)  # a snapshot may have come while the screen was being made

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self._resume)

    def _resume(self) -> None:
        if self.is_whole:
            self.steptune.snapshot = self.steptune.poller.snapshot
            self._update_frame()
            self.show_snapshot(self.steptune.snapshot)
            self.redraw()

    def _redraw_if_whole(self) -> None:
        if self.is_whole:
            self.redraw()

    def on_descendant_focus(self) -> None:
        self.call_after_refresh(self._update_frame)

    def on_resize(self, event: events.Resize) -> None:
        small = event.size.width < MIN_COLUMNS or event.size.height < MIN_ROWS
        self.set_class(small, "-too-small")
        if small:
            text = (
                f"This terminal has {event.size.width}x{event.size.height} characters; steptune's screens need"
                f" {MIN_COLUMNS}x{MIN_ROWS}. Make it larger, or use the commands: steptune runs, steptune logs -f RUN."
            )
            self.query_one("#too-small", Panel).show([line(part) for part in wrap(text, max(10, event.size.width))])
        self.call_after_refresh(self._update_frame)
        self.call_after_refresh(self._redraw_if_whole)

    def _update_frame(self) -> None:
        if not self.is_whole or not self.is_current:
            return
        self.query_one(TopBar).update(
            self.steptune.current_mode, len(self.steptune.snapshot.live), self.steptune.read_only
        )
        self.query_one(KeyBar).update(self)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """The list of runs has changed. Screens that show it extend this."""
        self._update_frame()

    def show_feed(self, feed: Feed) -> None:
        """A followed run has news."""

    def redraw(self) -> None:
        """Show what the screen knows: at the start, on the way back to it, and at another width."""

    def shows(self, goal: Goal) -> bool:
        """Whether the page is what one would come to by `goal`."""
        return False

    def show_head(self, panel: str, title: str, note: str = "") -> None:
        """A head line of the page: a title and what is said about it."""
        self.query_one(panel, Panel).show([line((f" {title}", "title"), (f"  {note}" if note else "", "dim"))])

    def in_thread(self, work: Callable[[], Found], done: Callable[[Found], None], newest: bool = False) -> None:
        """Do something slow in the background; `done` is called with the result, unless the screen is gone by then.

        Args:
            work: must not touch the screen.
            done: called in the screen's thread.
            newest: the result takes the place of an earlier one, so earlier calls of this kind are given up. Only for
                what reads: Textual cancels a thread before it starts, and an order of the user must not be lost.
        """

        def run() -> None:
            found = work()
            if self.app.is_running and not get_current_worker().is_cancelled:
                self.app.call_from_thread(lambda: done(found) if self.is_whole else None)

        self.run_worker(run, thread=True, group="newest" if newest else "all", exclusive=newest, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        tell_fault(self.app, event)

    @property
    def is_wide(self) -> bool:
        return self.size.width >= 120

    def action_back(self) -> None:
        self.app.pop_screen()


def tell_fault(app: App[Any], event: Worker.StateChanged) -> None:
    """An error that nobody expected, in the background: it is told, and the screens stay."""
    if event.state is WorkerState.ERROR:
        error = event.worker.error
        said = f"This did not work, by a fault of steptune: {type(error).__name__}: {error}"
        app.notify(clean(said), severity="error", markup=False, timeout=12)


class Dialog(ModalScreen[Any]):
    """A box over a page."""
