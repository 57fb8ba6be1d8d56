"""The place Queue: what it shows, every key of it, and Preflight's key that puts a run into it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.queue_case import put
from tests.tui.hostile import HOSTILE
from tests.tui.pilot import SIZES, looks_as, outside_parent, running, shows, text_of, until
from tests.tui.sample_runs import FIXED_TIME
from toolkit import config
from toolkit.records import write_json
from toolkit.run_folder.documents import Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.states import State
from toolkit.runs import advance
from tui.destinations import ToPreflight
from tui.logic.form import Form

NAMES = ("20261118-100000-sft-aaaa", "20261118-110000-sft-bbbb", "20261118-120000-sft-cccc", "20261118-130000-sft-dddd")


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueFolder]:
    """One run that holds the only slot, and three that wait, the last of them held."""
    folder = QueueFolder(tmp_path / "runs")
    found = [put(folder, name, ticket=Ticket(held=name == NAMES[3])) for name in NAMES]
    for run in found:
        write_json(run.info_file, {**run.info.to_json(), "id": run.path.name, "created_unix": FIXED_TIME})
        if ticket := run.ticket:
            write_json(run.ticket_file, replace(ticket, queued_unix=FIXED_TIME).to_json())
    found[0].tear_up_ticket()
    monkeypatch.setattr("time.time", lambda: FIXED_TIME + 90)
    monkeypatch.setattr("toolkit.run_folder.folder.STALLED_AFTER_S", 1e12)
    with found[0].lock_file.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def names(queue: QueueFolder) -> list[str]:
    return [run.path.name for run in queue.waiting()]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_queue_as_it_looks(queue: QueueFolder, size: tuple[int, int]) -> None:
    async with running(queue.root, size) as (app, pilot):
        await pilot.press("7")
        await shows(pilot, "1 run at work, 3 waiting; CPU slots 1")
        await looks_as(pilot, f"queue-{size[0]}x{size[1]}", lambda text: "\n".join(text.splitlines()[1:]))
        assert outside_parent(app) == []


async def test_a_run_is_moved_held_changed_and_dropped(queue: QueueFolder) -> None:
    async with running(queue.root) as (app, pilot):
        await pilot.press("7")
        await shows(pilot, "1 run at work, 3 waiting")
        await pilot.press("H")
        await shows(pilot, "Only a run that waits can be moved")
        await pilot.press("j", "right_square_bracket")
        await until(pilot, lambda: names(queue) == [NAMES[2], NAMES[1], NAMES[3]])
        await shows(pilot, f"{NAMES[1]} has place 2")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: names(queue)[0] == NAMES[1])
        await pilot.press("H")
        run = RunFolder(queue.root / NAMES[1])
        await until(pilot, lambda: (run.ticket or Ticket()).held)
        await pilot.press("D")
        await shows(pilot, f"Take {NAMES[1]} out of the queue?")
        await pilot.press("y")
        await until(pilot, lambda: run.state() is State.CANCELLED)
        await shows(pilot, "2 waiting")
        await pilot.press("g", "enter")
        await until(pilot, lambda: app.current_mode == "runs" and NAMES[0] in text_of(app))


async def test_a_queue_that_stands_still_says_so_and_is_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = QueueFolder(tmp_path / "runs")
    put(queue, NAMES[0])
    monkeypatch.setattr(advance, "_start", lambda *_: True)
    async with running(queue.root) as (_app, pilot):
        await pilot.press("7")
        await shows(pilot, "there is room and nothing starts the next run: R does")
        await pilot.press("R")
        await shows(pilot, "1 started.")


async def test_read_only_changes_nothing(queue: QueueFolder) -> None:
    async with running(queue.root, read_only=True) as (_app, pilot):
        await pilot.press("7")
        await shows(pilot, "1 run at work, 3 waiting")
        for key in ("right_square_bracket", "H", "D", "e", "R"):
            await pilot.press("g", "j", key)
        await shows(pilot, "Started with --readonly")
        assert names(queue) == list(NAMES[1:])


async def test_hostile_names_reach_the_terminal_clean(queue: QueueFolder) -> None:
    for name, text in zip(NAMES, (HOSTILE[3], HOSTILE[10], HOSTILE[17], HOSTILE[21]), strict=True):
        run = RunFolder(queue.root / name)
        write_json(run.info_file, {**run.info.to_json(), "id": text})
    async with running(queue.root) as (app, pilot):
        await pilot.press("7")
        await shows(pilot, "1 run at work, 3 waiting")
        shown = text_of(app)
        assert not [letter for letter in shown if ord(letter) < 32 and letter != "\n"]


async def test_preflight_puts_the_run_into_the_queue(queue: QueueFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.planning.preflight.check_launch", lambda *_: [])
    monkeypatch.setattr("toolkit.planning.inputs.check_inputs", lambda *_: [])
    monkeypatch.setattr("toolkit.planning.plan._count", lambda *_: None)
    monkeypatch.setenv("STEPTUNE_RUNS", str(queue.root))
    form = Form("sft", "demo")
    async with running(queue.root) as (app, pilot):
        app.open(ToPreflight(form, config.resolve("sft", "demo")))
        await shows(pilot, "Q queues")
        await pilot.press("Q")
        await until(pilot, lambda: len(names(queue)) == 4)
        assert RunFolder(queue.root / names(queue)[3]).state() is State.QUEUED
