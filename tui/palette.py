"""Ctrl+P: every action of the screen below, every place, every run and every theme, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui import themes
from tui.destinations import ToRun
from tui.host import host_of
from tui.places import PLACES
from tui.widgets.bars import key_name

Command = tuple[str, str, Callable[[], object]]
MAX_RUNS = 300


class Commands(Provider):
    """Finds commands by fuzzy match; texts from files are content, never markup."""

    def _commands(self) -> Iterator[Command]:
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            if binding.show and active.enabled and binding.description and not binding.action.startswith("app."):
                yield f"{binding.description}", f"key {key_name(key)}", partial(self.app.simulate_key, key)
        for place in PLACES:
            yield f"Go to {place.title}", f"key {place.key}", partial(host_of(self.screen).open, place)
        yield "Help: keys of this screen", "key ?", partial(self.app.run_action, "app.help")
        for title, name in themes.NAMES.items():
            yield (
                f"Theme: {title}",
                "colours; kept for the next start",
                partial(setattr, self.app, "theme", themes.fitting(name)),
            )
        yield "Leave steptune", "key q; runs go on", self.app.action_quit

    def _runs(self) -> Iterator[Command]:
        host = host_of(self.screen)
        for row in host.snapshot.rows[:MAX_RUNS]:
            yield f"Run {row.id}", f"{row.recipe}, {row.state}", partial(host.open, ToRun(row))

    async def discover(self) -> Hits:
        for text, note, action in self._commands():
            yield DiscoveryHit(Content(text), action, text=text, help=note)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for text, note, action in [*self._commands(), *self._runs()]:
            if (score := matcher.match(text)) > 0:
                yield Hit(score, Content(text), action, text=text, help=note)
