"""The application under test: over a runs folder, without a terminal, and the characters that its screen shows."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from difflib import unified_diff
from pathlib import Path

from textual.pilot import Pilot

from tui.app import SteptuneApp
from tui.logic.store import Store

GOLDENS = Path(__file__).parent / "goldens"
SIZES = ((80, 24), (160, 48))


@asynccontextmanager
async def running(
    runs: Path, size: tuple[int, int] = (80, 24), **options: object
) -> AsyncIterator[tuple[SteptuneApp, Pilot[None]]]:
    """The program with its first list of runs on the screen."""
    store = options.pop("store", None) or Store(runs.parent / "state")
    app = SteptuneApp(root=runs, store=store, theme="steptune-dark", **options)  # type: ignore[arg-type]
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, app.poller.scanned_once.is_set)
        await until(pilot, lambda: app.snapshot.rows == app.poller.snapshot.rows)
        await pilot.pause()
        yield app, pilot


async def until(pilot: Pilot[None], condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait for a condition; the test fails with the screen's text if it does not come."""
    waited = 0.0
    while not condition():
        if waited > timeout_s:
            raise AssertionError(f"not true within {timeout_s} s; the screen shows:\n{text_of(app_of(pilot))}")
        await pilot.pause(0.02)
        waited += 0.02


async def shows(pilot: Pilot[None], text: str, timeout_s: float = 30.0) -> None:
    """Wait for a text on the screen."""
    await until(pilot, lambda: text in text_of(app_of(pilot)), timeout_s)


def text_of(app: SteptuneApp) -> str:
    """The characters of the screen, line by line, without spaces at the ends."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def looks_as(pilot: Pilot[None], name: str, plain: Callable[[str], str] = str, timeout_s: float = 10.0) -> None:
    """Wait until the screen is the one in tests/tui/goldens/NAME.txt; UPDATE_GOLDENS=1 writes it when the screen stands
    still.

    A screen is drawn in several steps (a head may stand before the text below it has its place), so the first frame
    with the right words need not be the last. ``plain`` takes out what depends on where the test runs.
    """
    path = GOLDENS / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDENS"):
        await settled(pilot)
        GOLDENS.mkdir(exist_ok=True)
        path.write_text(plain(text_of(app_of(pilot))) + "\n", encoding="utf-8")
    drawn = path.read_text(encoding="utf-8")
    waited = 0.0
    while (shown := plain(text_of(app_of(pilot))) + "\n") != drawn:
        if waited > timeout_s:
            difference = unified_diff(drawn.splitlines(), shown.splitlines(), path.name, "the screen", lineterm="")
            raise AssertionError("\n".join(difference))
        await pilot.pause(0.05)
        waited += 0.05


async def settled(pilot: Pilot[None]) -> None:
    """Wait until the screen stays as it is."""
    last = ""
    for _ in range(40):
        await pilot.pause(0.15)
        text = text_of(app_of(pilot))
        if text == last:
            return
        last = text


def app_of(pilot: Pilot[None]) -> SteptuneApp:
    return pilot.app  # type: ignore[return-value]


def outside_parent(app: SteptuneApp) -> list[str]:
    """Visible widgets of the screen that reach beyond the widget they are in."""
    found = []
    for widget in app.screen.query("*"):
        parent = widget.parent
        if (
            not widget.display
            or not widget.region
            or parent is None
            or not hasattr(parent, "region")
            or widget.styles.dock != "none"
        ):
            continue
        if any(str(ancestor.styles.layer or "") == "editor" for ancestor in (widget,)):
            parent = app.screen
        if not parent.region.contains_region(widget.region):  # type: ignore[union-attr]
            found.append(f"{widget} {widget.region} in {parent} {parent.region}")  # type: ignore[union-attr]
    return found
