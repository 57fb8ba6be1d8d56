"""What screens and widgets may ask of the application that shows them: all that they know of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, cast

from rich.style import Style
from textual.dom import DOMNode

from tui.destinations import Goal
from tui.logic.poller import Poller
from tui.logic.scanner import Snapshot
from tui.logic.store import Store


class Host(Protocol):
    """The application, less what every Textual application has (`node.app`)."""

    root: Path  # the runs folder
    read_only: bool
    ascii_only: bool
    alone: bool  # for a rater: one packet, and nothing of the places around it
    line_styles: dict[str, Style]
    store: Store
    remembered: dict[str, Any]
    poller: Poller
    snapshot: Snapshot

    @property
    def current_mode(self) -> str:
        """The name of the place that is shown."""

    def open(self, goal: Goal) -> None:
        """Show it, at once: a key that comes next is already meant for it. If it cannot be, a message says why."""

    def copy_text(self, text: str, what: str) -> None:
        """To the terminal's clipboard, and to a file."""

    def refuse_in_read_only(self, what: str) -> bool:
        """Whether it was refused; says so."""

    def remember(self, name: str, value: Any) -> None:
        """Keep a piece of the screens' state for the next start."""


def host_of(node: DOMNode) -> Host:
    """The application around a screen or widget."""
    return cast(Host, node.app)
