"""What runs beside the screens: orders are carried out, faults are told, leaving waits for nobody, the poller lives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.tui.pilot import running, shows, until
from tests.tui.terminal import split_unfinished
from toolkit.machine import asked
from toolkit.records import write_text
from tui.logic.log_file import LogFile
from tui.logic.poller import Poller
from tui.pages.page import Page

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def page_of(app: object) -> Page:
    screen = app.screen  # type: ignore[attr-defined]
    assert isinstance(screen, Page)
    return screen


async def test_a_reading_of_the_screen_takes_no_order_of_the_user_back(tmp_path: Path) -> None:
    async with running(tmp_path / "runs") as (app, pilot):
        came: list[str] = []
        page = page_of(app)
        page.in_thread(lambda: "the order", came.append)
        page.in_thread(lambda: "an old reading", came.append, newest=True)
        page.in_thread(lambda: "the newest reading", came.append, newest=True)
        await until(pilot, lambda: len(came) >= 2)
        assert sorted(came) == ["the newest reading", "the order"]


async def test_an_old_reading_that_ends_late_is_not_shown(tmp_path: Path) -> None:
    async with running(tmp_path / "runs") as (app, pilot):
        came: list[str] = []
        page, begun, go_on = page_of(app), threading.Event(), threading.Event()

        def slow() -> str:
            begun.set()
            go_on.wait(10)
            return "old"

        page.in_thread(slow, came.append, newest=True)
        await until(pilot, begun.is_set)
        page.in_thread(lambda: "new", came.append, newest=True)
        await until(pilot, lambda: came)
        go_on.set()
        await until(pilot, lambda: not app.workers._workers)
        assert came == ["new"]


@pytest.mark.parametrize("of_the_page", [True, False])
async def test_a_fault_in_the_background_is_told(tmp_path: Path, of_the_page: bool) -> None:
    def fails() -> None:
        raise KeyError("nobody expected \x1b[31mthis")

    async with running(tmp_path / "runs") as (app, pilot):
        if of_the_page:
            page_of(app).in_thread(fails, lambda _none: None)
        else:
            app.run_worker(fails, thread=True, exit_on_error=False)
        await shows(pilot, "This did not work, by a fault of")
        await shows(pilot, "KeyError")


async def test_leaving_does_not_wait_for_what_a_screen_has_asked(tmp_path: Path) -> None:
    codes: list[int] = []
    async with running(tmp_path / "runs") as (app, pilot):
        page_of(app).in_thread(lambda: [codes.append(asked.ask(SLEEPER).returncode) for _ in range(2)], len)
        await until(pilot, lambda: asked._running)
        left = time.monotonic()
    deadline = time.monotonic() + 20
    while len(codes) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert codes == [-9, -9]  # the first was killed, the second never began
    assert time.monotonic() - left < 20
    async with running(tmp_path / "runs"):
        assert asked.ask([sys.executable, "-c", "print(input())"], "again").stdout == "again\n"


def test_a_program_that_does_not_answer_in_time_is_killed() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        asked.ask(SLEEPER, timeout_s=0.2)
    assert not asked._running


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_log_that_is_no_file_is_an_empty_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "log.txt"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    log = LogFile(path)
    assert not log.refresh()
    assert not log.extend()
    path.rmdir() if kind == "folder" else path.unlink()
    write_text(path, "one\n")
    assert log.refresh()
    assert (log.extend(), log.lines(0, 5)) == (False, ["one"])


def test_the_poller_outlives_a_disk_that_does_not_answer(tmp_path: Path) -> None:
    class Broken:
        polls = 0

        def poll(self) -> tuple[bool, bool]:
            self.polls += 1
            if self.polls < 3:
                raise OSError(5, "Input/output error")
            return True, False

        def close(self) -> None:
            """Nothing is open."""

    told = threading.Event()
    poller, feed = Poller(tmp_path), Broken()
    poller.on_feed = lambda _feed: told.set()
    poller.watch(feed)
    poller.start()
    try:
        deadline = time.monotonic() + 20
        while not told.is_set() and time.monotonic() < deadline:
            poller.wake()
            time.sleep(0.05)
        assert told.is_set()
    finally:
        poller.stop()


def test_the_terminal_of_the_tests_reads_sequences_that_come_in_two_pieces() -> None:
    whole = b"a\x1b[?2026$p\x1b[>1u\x1b[38;2;16;21;28mb\x1b[<u\x1b[2Jc"
    for at in range(len(whole)):
        first, rest = split_unfinished(whole[:at])
        second, left = split_unfinished(rest + whole[at:])
        assert (first + second, left) == (whole, b"")
        assert not first.endswith((b"\x1b", b"[", b";"))
