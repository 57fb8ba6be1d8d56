"""Ctrl+P: every action of the screen below, every place, every run and every theme, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui import themes
from tui.places import PLACES
from tui.widgets.bars import key_name

if TYPE_CHECKING:
    from tui.app import SteptuneApp

Command = tuple[str, str, Callable[[], object]]
MAX_RUNS = 300


class Commands(Provider):
    """Finds commands by fuzzy match; texts from files are content, never markup."""

    @property
    def _app(self) -> SteptuneApp:
        return cast("SteptuneApp", self.app)

    def _commands(self) -> Iterator[Command]:
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            if binding.show and active.enabled and binding.description and not binding.action.startswith("app."):
                yield f"{binding.description}", f"key {key_name(key)}", partial(self._app.simulate_key, key)
        for place in PLACES:
            yield f"Go to {place.title}", f"key {place.key}", partial(self._app.action_go, place.name)
        yield "Help: keys of this screen", "key ?", self._app.action_help
        for title, name in themes.NAMES.items():
            yield f"Theme: {title}", "colours; kept for the next start", partial(setattr, self._app, "theme", name)
        yield "Leave steptune", "key q; runs go on", self._app.action_quit

    def _runs(self) -> Iterator[Command]:
        for row in self._app.snapshot.rows[:MAX_RUNS]:
            yield f"Run {row.id}", f"{row.recipe}, {row.state}", partial(self._app.follow, row)

    async def discover(self) -> Hits:
        for text, note, action in self._commands():
            yield DiscoveryHit(Content(text), action, text=text, help=note)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for text, note, action in [*self._commands(), *self._runs()]:
            if (score := matcher.match(text)) > 0:
                yield Hit(score, Content(text), action, text=text, help=note)
