"""The line at the top (where one is, what runs) and the one at the bottom (keys that work here, from the bindings)."""

from __future__ import annotations

from textual import events
from textual.screen import Screen

from tui.host import host_of
from tui.logic.lines import ASCII_WORDS, Span, line, width_of
from tui.places import PLACES
from tui.widgets.line_view import Panel

KEY_NAMES = {
    "enter": "↵",
    "escape": "esc",
    "slash": "/",
    "question_mark": "?",
    "space": "space",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "equals_sign": "=",
    "asterisk": "*",
    "full_stop": ".",
    "comma": ",",
    "ctrl+p": "^p",
    "ctrl+e": "^e",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def key_name(key: str) -> str:
    """A key as it is written on the screen."""
    return KEY_NAMES.get(key, key.replace("ctrl+", "^"))


def _shown_key(key: str, ascii_only: bool) -> str:
    name = key_name(key)
    return ASCII_WORDS.get(name, name) if ascii_only else name


class TopBar(Panel):
    """Product, places, and how many runs are live; places can be clicked."""

    def __init__(self) -> None:
        super().__init__(id="top")
        self._places: list[tuple[int, int, str]] = []

    def update(self, mode: str, live: int, read_only: bool) -> None:
        spans: list[Span] = []
        # The program's name gives way first, then the titles of other places.
        for name, is_brief in ((" steptune  ", False), (" ", False), (" ", True)):
            spans, self._places = [Span(name, "title")], []
            for place in () if host_of(self).alone else PLACES:
                start = width_of(spans)
                is_here = place.name == mode
                title = f" {place.title} " if is_here or not is_brief else " "
                spans += [Span(f" {place.key}", "key"), Span(title, "accent" if is_here else "dim")]
                self._places.append((start, width_of(spans), place.name))
            if width_of(spans) + (len(" read-only ") if read_only else 0) < self.size.width:
                break
        room = self.size.width - width_of(spans)
        watch = " read-only " if read_only else ""
        live = 0 if host_of(self).alone else live
        # What does not fit next to the places is left out, read-only last.
        notes = (
            watch + (f" ● {live} live " if live else "" if host_of(self).alone else " no run is live "),
            watch + (f" ● {live} " if live else ""),
            watch,
        )
        right = next((note for note in notes if len(note) < room), "")
        spans += [Span(" " * max(0, room - len(right))), Span(right, "good" if live else "dim")]
        self.show([line(*spans)])

    def on_click(self, event: events.Click) -> None:
        for start, end, name in self._places:
            if start <= event.x < end:
                self.app.run_worker(self.app.run_action(f"app.go('{name}')"))


class KeyBar(Panel):
    """The keys of the bindings that are shown, as many as fit; each can be clicked."""

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._keys: list[tuple[int, int, str]] = []

    def update(self, screen: Screen[object]) -> None:
        spans: list[Span] = []
        self._keys = []
        limit = self.size.width - 9
        for key, description in shown_keys(screen):
            name = _shown_key(key, host_of(self).ascii_only)
            piece = f" {name} {description} "
            if width_of(spans) + len(piece) > limit:
                break
            start = width_of(spans)
            spans += [Span(f" {name}", "key"), Span(f" {description} ", "dim")]
            self._keys.append((start, width_of(spans), key))
        spans += [Span(" " * max(0, self.size.width - width_of(spans) - 8)), Span(" ?", "key"), Span(" Help ", "dim")]
        self._keys.append((self.size.width - 8, self.size.width, "question_mark"))
        self.show([line(*spans)])

    def on_click(self, event: events.Click) -> None:
        for start, end, key in self._keys:
            if start <= event.x < end:
                self.app.simulate_key(key)


def shown_keys(screen: Screen[object]) -> list[tuple[str, str]]:
    """(first key, description) of each binding that the bottom line shows: those of the focused widget and screen
    first.
    """
    found: dict[str, str] = {}  # key by description; of several keys the shortest
    for key, active in screen.active_bindings.items():
        binding = active.binding
        if binding.show and active.enabled and binding.action not in ("help", "app.help"):
            known = found.get(binding.description)
            found[binding.description] = key if known is None or len(key) < len(known) else known
    return [(key, description) for description, key in found.items()]
