"""The application: places, keys that work everywhere, the poller, and what is remembered between two starts."""

from __future__ import annotations

import contextlib
import gc
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, ScreenStackError
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.worker import Worker

from toolkit.errors import SteptuneError
from toolkit.machine import asked
from toolkit.run_folder.find import runs_root
from toolkit.runs.row import RunRow
from toolkit.terminal.text import clean
from tui import themes
from tui.ascii import AsciiOnly
from tui.destinations import Destination, Goal, ToRun
from tui.directory import help_of, screen_for, screen_of_place
from tui.host import Host
from tui.logic.poller import Feed, Poller
from tui.logic.scanner import Snapshot
from tui.logic.store import Store
from tui.pages.page import Page, tell_fault
from tui.places import HOME, PLACES, Place

if TYPE_CHECKING:
    from textual.command import Provider

CLIPBOARD_BYTES = 74_000
UI_STATE = "screens"


def _commands_provider() -> type[Provider]:
    from tui.palette import Commands

    return Commands


class SteptuneApp(App[None]):
    """Screens over the runs of one folder. `read_only` switches off everything that changes something."""

    TITLE = "steptune"
    CSS_PATH = "styles.tcss"
    DEFAULT_MODE = HOME.name
    MODES: ClassVar[dict[str, Any]] = {place.name: partial(screen_of_place, place.name) for place in PLACES}
    COMMANDS = {_commands_provider}  # noqa: RUF012
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(place.key, f"go('{place.name}')", place.title, show=False) for place in PLACES),
        Binding("question_mark", "help", "Help", show=False),
        Binding("q", "quit", "Leave; runs go on", show=False),
    ]

    class FeedChanged(Message):
        """A followed run has news."""

        def __init__(self, feed: Feed) -> None:
            super().__init__()
            self.feed = feed

    class SnapshotChanged(Message):
        """The list of runs has changed."""

        def __init__(self, snapshot: Snapshot) -> None:
            super().__init__()
            self.snapshot = snapshot

    def __init__(
        self,
        root: Path | None = None,
        *,
        read_only: bool = False,
        ascii_only: bool = False,
        store: Store | None = None,
        poller: Poller | None = None,
        theme: str | None = None,
        start_at: str | None = None,
        opens: Destination | None = None,
        alone: bool = False,
    ) -> None:
        import os

        no_color = themes.wants_no_color(os.environ)
        # NO_COLOR with Textual's own themes still sends grey true colours; the ANSI ones send none.
        super().__init__(ansi_color=True if no_color else None)
        self.root = root or runs_root()
        self.read_only = read_only
        self.ascii_only = ascii_only
        if ascii_only:
            self._filters.append(AsciiOnly())
        self.store = store or Store()
        self.remembered = self.store.load(UI_STATE)
        for own in themes.THEMES:
            self.register_theme(own)
        remembered = str(self.remembered.get("theme", ""))
        fallback = themes.default_theme()
        known = remembered in self.available_themes and not no_color
        chosen = theme or (themes.fitting(remembered) if known else fallback)
        # Before the first paint: set later, every style would be worked out twice.
        self.set_reactive(SteptuneApp.theme, chosen if chosen in self.available_themes else fallback)
        self.stylesheet.set_variables(self.get_css_variables())
        self.line_styles = themes.line_styles(self.theme_variables, self.native_ansi_color)
        self.start_at = start_at
        self.alone = alone
        self.opens = opens  # what is opened on top of that place at the start
        self.poller = poller or Poller(self.root)
        self.snapshot = Snapshot()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.DEFAULT_VARIABLES

    def on_mount(self) -> None:
        asked.begin_threads()
        self.set_class(self.ascii_only, "-ascii")
        self.set_class(self.alone, "-alone")
        self.poller.on_snapshot = lambda snapshot: self._from_thread(self.SnapshotChanged(snapshot))
        self.poller.on_feed = lambda feed: self._from_thread(self.FeedChanged(feed))
        if self.poller.scanned_once.is_set():
            self.snapshot = self.poller.snapshot
        if not self.poller.is_alive():
            self.poller.start()
        mode = self.start_at or str(self.remembered.get("mode", HOME.name))
        if mode in self.MODES and mode != HOME.name:
            self.switch_mode(mode)
        if self.opens:
            self.call_after_refresh(self.open, self.opens)
        self.set_timer(1.0, gc.enable)  # switched off for the start

    def _from_thread(self, message: Message) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: the program is leaving
            self.post_message(message)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        tell_fault(self, event)

    def on_unmount(self) -> None:
        self.poller.stop()
        asked.end_threads()  # nobody waits for what a thread has asked

    # What the poller found -------------------------------------------------------------------------------------

    def on_steptune_app_snapshot_changed(self, message: SnapshotChanged) -> None:
        """Only the top screen is notified: one that changes behind it makes Textual send the whole screen again."""
        self._tell_what_ended(self.snapshot, message.snapshot)
        self.snapshot = message.snapshot
        if (page := self._page_in_front()) is not None:
            page.show_snapshot(self.snapshot)

    def _tell_what_ended(self, before: Snapshot, now: Snapshot) -> None:
        """The bell for runs that have ended since, if it is set (`steptune notice`)."""
        live = {row.path for row in before.live}
        ended = [row for row in now.rows if row.path in live and row.state.is_over]
        if ended and self._driver is not None:
            from toolkit.runs.notice import Notice, bell_sequence

            if Notice.read().bell:
                self._driver.write("".join(bell_sequence(f"steptune: {row.id} {row.state}") for row in ended))

    def on_steptune_app_feed_changed(self, message: FeedChanged) -> None:
        if (page := self._page_in_front()) is not None:
            page.show_feed(message.feed)

    def _page_in_front(self) -> Page | None:
        """None under a dialog, and before the first screen: the poller may be quicker than the start."""
        with contextlib.suppress(ScreenStackError):
            return self.screen if isinstance(self.screen, Page) and self.screen.is_whole else None
        return None

    def on_app_focus(self) -> None:
        self.poller.focused = True
        self.poller.wake()

    def on_app_blur(self) -> None:
        self.poller.focused = False

    # Where one is ----------------------------------------------------------------------------------------------

    def open(self, goal: Goal) -> None:
        """Show a place or a destination, at once; if it cannot be shown, a message says why."""
        if isinstance(goal, Place):
            self.action_go(goal.name)
            return
        if goal.changes and self.refuse_in_read_only(goal.changes):
            return
        if isinstance(goal, ToRun) and not self._make_way(goal):
            return
        try:
            self.push_screen(screen_for(goal))
        except (SteptuneError, OSError) as error:
            self.notify(clean(error), severity="error", markup=False, timeout=12)

    def _make_way(self, goal: ToRun) -> bool:
        """To the list of runs, on which a run stands; False if the run is in front already."""
        while self._is_left(goal) and len(self.screen_stack) > 1:
            self.pop_screen()
        if isinstance(self.screen, Page) and self.screen.shows(goal):
            return False
        if self.current_mode != HOME.name:
            self.switch_mode(HOME.name)
            self.remember("mode", HOME.name)
            self.save_state()  # at once: whoever loses the program after a launch comes back to the run
        return True

    def _is_left(self, goal: ToRun) -> bool:
        """The form of the run that was launched, and a dialog: one that a quick key has opened meanwhile is about
        another screen.
        """
        page = self.screen
        return not isinstance(page, Page) or (goal.launched and page.leads_to_launch)

    def action_go(self, mode: str) -> None:
        """One of the places of the top line; pressed there again, back to its first screen."""
        if isinstance(self.screen, Page) and self.current_mode == mode:
            while len(self.screen_stack) > 1:
                self.pop_screen()
        else:
            while not isinstance(self.screen, Page) and len(self.screen_stack) > 1:
                self.pop_screen()
            self.switch_mode(mode)
        self.remember("mode", mode)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A rater who came for a packet goes nowhere else."""
        return not (self.alone and action in ("go", "command_palette"))

    def action_help(self) -> None:
        if (screen := help_of(self.screen)) is not None:
            self.push_screen(screen)

    async def action_quit(self) -> None:
        live = self.poller.snapshot.live or self.snapshot.live
        self.save_state()
        self.exit(message=_farewell(live) if live else None)

    # What screens ask for --------------------------------------------------------------------------------------

    def copy_text(self, text: str, what: str) -> None:
        """To the terminal's clipboard (OSC 52), and to a file, for not every terminal takes it."""
        file = self.store.write_file("clipboard.txt", text + "\n")
        where = f"; also in {file}" if file else ""
        if len(text.encode()) > CLIPBOARD_BYTES:
            self.notify(f"{what} is too long for the terminal's clipboard{where}.", severity="warning", markup=False)
            return
        self.copy_to_clipboard(text)
        self.notify(f"{what} sent to the terminal{where}.", markup=False)

    def refuse_in_read_only(self, what: str) -> bool:
        """Whether it was refused; says so."""
        if self.read_only:
            self.notify(f"Started with --readonly: {what} is switched off.", severity="warning", markup=False)
        return self.read_only

    # Memory ----------------------------------------------------------------------------------------------------

    def remember(self, name: str, value: Any) -> None:
        """Keep a piece of the screens' state for the next start; written soon, and at the end."""
        if self.remembered.get(name) != value:
            self.remembered[name] = value
            self.set_timer(0.5, self.save_state, name="save-state")

    def save_state(self) -> None:
        self.store.save(UI_STATE, {**self.remembered, "theme": self.theme})

    def watch_theme(self, theme: str) -> None:
        self.line_styles = themes.line_styles({**self.get_css_variables()}, self.native_ansi_color)
        if self.is_running:
            self.remember("theme", theme)


def _farewell(live: tuple[RunRow, ...]) -> Any:
    """What goes on when one leaves, on the terminal that one comes back to."""
    from rich.text import Text

    count = "1 run goes on" if len(live) == 1 else f"{len(live)} runs go on"
    lines = [f"{count}; come back with `steptune`, or:"] + [f"  steptune logs -f {row.id}" for row in live[:5]]
    return Text("\n".join(lines))


if TYPE_CHECKING:  # what screens ask for is here, under those names
    _host: type[Host] = SteptuneApp
