"""The application under test: over a runs folder, without a terminal, and the characters that its screen shows."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from tui.app import SteptuneApp
from tui.logic.store import Store

GOLDENS = Path(__file__).parent / "goldens"
SIZES = ((80, 24), (160, 48))


@asynccontextmanager
async def running(runs: Path, size: tuple[int, int] = (80, 24), **options: object) -> AsyncIterator[tuple[SteptuneApp, Pilot[None]]]:
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
            raise AssertionError(f"not true within {timeout_s} s; the screen shows:\n{text_of(pilot.app)}")  # type: ignore[arg-type]
        await pilot.pause(0.02)
        waited += 0.02


async def shows(pilot: Pilot[None], text: str, timeout_s: float = 30.0) -> None:
    """Wait for a text on the screen."""
    await until(pilot, lambda: text in text_of(pilot.app), timeout_s)  # type: ignore[arg-type]


def text_of(app: SteptuneApp) -> str:
    """The characters of the screen, line by line, without spaces at the ends."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def assert_golden(name: str, text: str) -> None:
    """Compare with tests/tui/goldens/NAME.txt; UPDATE_GOLDENS=1 writes it."""
    path = GOLDENS / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDENS"):
        GOLDENS.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert text + "\n" == path.read_text(encoding="utf-8")


def outside_parent(app: SteptuneApp) -> list[str]:
    """Visible widgets of the screen that reach beyond the widget they are in."""
    found = []
    for widget in app.screen.query("*"):
        parent = widget.parent
        if not widget.display or not widget.region or parent is None or not hasattr(parent, "region") or widget.styles.dock != "none":
            continue
        if any(str(ancestor.styles.layer or "") == "editor" for ancestor in (widget,)):
            parent = app.screen
        if not parent.region.contains_region(widget.region):  # type: ignore[union-attr]
            found.append(f"{widget} {widget.region} in {parent} {parent.region}")  # type: ignore[union-attr]
    return found
