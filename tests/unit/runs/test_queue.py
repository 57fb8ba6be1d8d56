"""The queue with real supervisors: order, slots, cards, every change, and what a kill at any point leaves."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.emulated.emulate import install
from tests.emulated.machines import BY_NAME
from tests.queue_case import MARKS, marks, put
from toolkit import config
from toolkit.commands import queue as command
from toolkit.errors import DiskFullError, PreflightError, UsageError
from toolkit.machine.processes import send, tagged_with
from toolkit.planning import preflight
from toolkit.records import read_json, write_json
from toolkit.run_folder import create
from toolkit.run_folder.documents import Result, Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.states import State
from toolkit.runs import advance as advancing
from toolkit.runs import enqueue, launch, slots
from toolkit.runs import queue as changes
from toolkit.runs import take_up as taking_up
from toolkit.runs.advance import advance
from toolkit.runs.enqueue import Order, add, add_again, take_up
from toolkit.runs.stop import ask_to_stop, wait_until_ended


@pytest.fixture
def queue(runs: Path) -> Iterator[QueueFolder]:
    folder = QueueFolder(runs)
    with folder.locked():
        folder.write(folder.document)
    yield folder
    for run in folder.open_runs():
        run.tear_up_ticket()
        for identity in (run.processes.supervisor, run.processes.child):
            if identity:
                try:
                    os.kill(identity.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        send(tagged_with(run.id), signal.SIGKILL)


def over(*found: RunFolder) -> None:
    wait_for(lambda: all(run.state().is_over for run in found), 40)


def test_runs_go_one_after_the_other_in_order_and_a_failed_one_stops_none(queue: QueueFolder) -> None:
    first, bad, last = put(queue, "a"), put(queue, "b", MARKS + "\n    raise SystemExit(3)"), put(queue, "c")
    bad.path.joinpath("recipe.py").write_text("raise SystemExit(3)")
    assert [run.state() for run in (first, bad, last)] == [State.QUEUED] * 3
    assert advance(queue) == [first]
    assert first.state() in (State.RUNNING, State.FINISHED)
    over(first, bad, last)
    assert [run.state() for run in (first, bad, last)] == [State.FINISHED, State.FAILED, State.FINISHED]
    assert marks(queue.root) == ["a", "c"]
    assert last.ticket_file.exists() is False


def test_slots_are_never_exceeded_and_are_used(queue: QueueFolder) -> None:
    meets = MARKS.replace(
        "time.sleep(SECONDS)",
        """
    for _ in range(400):  # until another one has started too
        if (run.parent.parent / "marks.txt").read_text().count("start") > 1:
            break
        time.sleep(0.05)""",
    )
    found = [put(queue, f"r{n}", meets) for n in range(4)]
    changes.set_slots(queue, 2)
    most = 0
    while not all(run.state().is_over for run in found):
        most = max(most, sum(run.state() is State.RUNNING for run in found))
        time.sleep(0.02)
    assert most == 2


def test_a_run_that_was_started_by_hand_takes_a_slot(queue: QueueFolder) -> None:
    by_hand = put(queue, "a", seconds=0.5)
    by_hand.tear_up_ticket()
    launch.start_supervisor(by_hand)
    behind = put(queue, "b")
    assert advance(queue) == []
    (waiting,) = changes.waiting(queue)
    assert waiting.waits_for == f"a CPU slot (1 of 1 taken by {by_hand.id})"
    over(by_hand, behind)
    assert behind.state() is State.FINISHED


def test_move_hold_release_drop_and_stop(queue: QueueFolder) -> None:
    held = put(queue, "a")
    changes.hold(queue, [held], True)
    found = {name: put(queue, name) for name in "bcd"}
    changes.hold(queue, list(found.values()), True)
    assert changes.move(queue, found["d"], None) == 1
    assert changes.move(queue, found["d"], 1) == 2
    assert changes.move(queue, found["c"], -1) == 3
    assert [run.path.name for run in queue.waiting()] == ["a", "d", "c", "b"]
    changes.drop(queue, [found["b"]])
    ask_to_stop(found["c"])
    assert wait_until_ended(found["c"]) is State.CANCELLED
    assert (found["b"].result or Result(State.FAILED, 1)).message.startswith("Taken out of the queue")
    with pytest.raises(UsageError, match="does not wait in the queue; it is cancelled"):
        changes.hold(queue, [found["b"]], False)
    with pytest.raises(UsageError, match="waits in the queue; `steptune queue top"):
        launch.resume(held)
    changes.hold(queue, [held, found["d"]], False)
    over(held, found["d"])
    assert marks(queue.root) == ["a", "d"]
    launch.resume(found["b"])
    over(found["b"])
    assert marks(queue.root) == ["a", "d", "b"]


def test_a_run_that_ended_goes_to_the_end_of_the_queue(queue: QueueFolder) -> None:
    run, other = put(queue, "a", seconds=0), put(queue, "b", seconds=0.5)
    program = (run.path / "recipe.py").read_text()
    (run.path / "recipe.py").write_text("raise SystemExit(1)")
    advance(queue)
    over(run)
    (run.path / "recipe.py").write_text(program)
    add_again(queue, run)
    assert run.state() in (State.QUEUED, State.RUNNING)
    over(run, other)
    assert marks(queue.root) == ["b", "a"]
    assert (run.path / "result.1.json").exists()


def test_a_claim_of_who_was_killed_is_taken_back_and_its_supervisor_starts_nothing(queue: QueueFolder) -> None:
    run = put(queue, "a", seconds=0.0)
    os.rename(run.ticket_file, run.claimed_ticket_file("dead"))
    assert run.state() is State.QUEUED
    assert advance(queue) == [run]
    over(run)
    late = advancing.spawn_supervisor(run, "dead")
    assert late.wait(20) == 0
    assert marks(queue.root) == ["a"]
    assert run.state() is State.FINISHED


def test_of_several_who_come_by_at_once_one_starts_the_run(queue: QueueFolder) -> None:
    found = [put(queue, f"r{n}", seconds=0.0) for n in range(3)]
    movers = [threading.Thread(target=advance, args=(queue,)) for _ in range(4)]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()
    over(*found)
    assert marks(queue.root) == ["r0", "r1", "r2"]


def test_after_a_restart_the_queue_stands_and_resume_takes_it_up_with_what_was_lost(queue: QueueFolder) -> None:
    lost, behind = put(queue, "a", seconds=30), put(queue, "b", seconds=0)
    advance(queue)
    wait_for(lambda: marks(queue.root))
    processes = lost.processes
    assert processes.supervisor
    assert processes.child
    os.kill(processes.supervisor.pid, signal.SIGKILL)
    assert wait_for(lambda: lost.state() is State.LOST)
    # Its recipe lives on, and keeps the slot.
    assert advance(queue) == []
    assert take_up(queue).left[0].startswith(f"Processes of {lost.id} are still alive")
    os.kill(processes.child.pid, signal.SIGKILL)
    wait_for(lambda: not tagged_with(lost.id))
    (waiting,) = changes.waiting(queue)
    assert (waiting.waits_for, command.stands_still([waiting])) == ("", True)
    (lost.path / "recipe.py").write_text((lost.path / "recipe.py").read_text().replace("SECONDS = 30", "SECONDS = 0"))
    taken = take_up(queue)
    assert taken.lost == [lost]
    over(lost, behind)
    assert marks(queue.root) == ["a", "a", "b"]


def test_a_supervisor_that_dies_before_its_lock_leaves_the_run_waiting(
    queue: QueueFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = put(queue, "a", seconds=0.0)
    broken = lambda *_: subprocess.Popen([sys.executable, "-c", "raise SystemExit(9)"])  # noqa: E731
    monkeypatch.setattr(advancing, "spawn_supervisor", broken)
    assert advance(queue) == []
    assert run.state() is State.QUEUED
    monkeypatch.undo()
    assert advance(QueueFolder(queue.root)) == [run]
    over(run)


def test_a_run_of_another_machine_or_user_is_left_to_them(queue: QueueFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    away, mine = put(queue, "a"), put(queue, "b", seconds=0)
    info = {**(read_json(away.info_file) or {}), "host": "other-machine"}
    write_json(away.info_file, info)
    assert changes.waiting(queue)[0].waits_for == "the machine other-machine, on which it was queued"
    assert advance(queue) == [mine]
    over(mine)
    assert away.state() is State.QUEUED
    write_json(away.info_file, {**info, "host": mine.info.host})
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert "who queued it" in changes.waiting(queue)[0].waits_for
    assert advance(queue) == []
    with pytest.raises(UsageError, match="queued by another user"):
        changes.drop(queue, [away])


def test_the_queue_folder_of_another_user_is_refused(
    queue: QueueFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UsageError, match=r"The queue of .* belongs to .*STEPTUNE_RUNS"):
        advance(queue)


def test_a_queue_that_somebody_holds_is_named_and_left(queue: QueueFolder) -> None:
    with queue.locked(), pytest.raises(UsageError, match=r"has held .*queue.lock for 0 s .*Nothing was changed"):
        advance(QueueFolder(queue.root, wait_s=0.05))


# With real settings --------------------------------------------------------------------------------------------


def sft(*overrides: str) -> Order:
    return Order(config.resolve("sft", "demo", overrides=overrides), "cpu")


@pytest.fixture
def nobody_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enqueue, "advance_locked", lambda _queue: [])
    monkeypatch.setattr(preflight, "check_launch", lambda *_: [])


def test_queued_runs_keep_auto_and_can_be_edited_while_they_wait(queue: QueueFolder, nobody_starts: None) -> None:
    first, second = add(queue, [sft("per_device_train_batch_size=auto"), sft("lora_r=4")])
    assert [run.path for run in queue.waiting()] == [first.path, second.path]
    assert "per_device_train_batch_size: auto" in first.config_file.read_text()
    assert (read_json(first.command_file) or {})["argv"][3:] == ["toolkit.runs.take_up", str(first.path)]
    before = first.ticket
    enqueue.edit(queue, first, ["lora_r=64"])
    assert "lora_r: 64" in first.config_file.read_text()
    assert first.ticket == before
    with pytest.raises(Exception, match="lora_rr: unknown option"):
        enqueue.edit(queue, first, ["lora_rr=64"])


def test_a_full_disk_queues_nothing(queue: QueueFolder, nobody_starts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    (kept,) = add(queue, [sft()])
    written = enqueue.write_json
    count = []

    def full(path: Path, value: object) -> None:
        count.append(path)
        if len(count) == 2:
            raise DiskFullError(f"No space left to write {path}")
        written(path, value)

    monkeypatch.setattr(enqueue, "write_json", full)
    with pytest.raises(DiskFullError):
        add(queue, [sft(), sft()])
    assert [run.path for run in queue.open_runs()] == [kept.path]
    assert queue.document.order == (kept.path.name,)


def test_what_this_machine_can_never_run_is_refused_at_once(
    queue: QueueFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create, "runs_root", lambda: queue.root)
    with pytest.raises(PreflightError, match="optim=paged_adamw_8bit"):
        add(queue, [sft("optim=paged_adamw_8bit")])
    with pytest.raises(UsageError, match="does not lie in the runs folder"):
        add(queue, [replace(sft(), run_dir=queue.root.parent / "elsewhere")])
    assert queue.open_runs() == []


# With cards ----------------------------------------------------------------------------------------------------


@pytest.fixture
def four_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    install(BY_NAME["4x24gb"], tmp_path / "machine", monkeypatch)
    return [card.uuid for card in slots.machine_gpus().cards]


def test_cards_are_given_in_order_and_nobody_overtakes(queue: QueueFolder, four_cards: list[str]) -> None:
    asked = {name: Ticket(cards, tuple(four_cards)) for name, cards in (("a", 3), ("b", 2), ("c", 1))}
    found = [put(queue, name, ticket=ticket) for name, ticket in asked.items()]
    on_cpu = put(queue, "d")
    read = slots.Slots.read(queue, [], asked.values())
    got = [read.take(run, ticket) for run, ticket in zip(found, asked.values(), strict=True)]
    assert got[0] is not None
    assert got[0].got == tuple(four_cards[:3])
    assert got[1:] == [None, None]  # c would fit, and would keep b waiting
    assert read.take(on_cpu, Ticket()) is not None
    assert read.why(asked["b"]).startswith(f"2 of 4 GPU(s) (GPU 0: {found[0].id}; GPU 1:")


def test_runs_share_a_card_where_their_estimates_fit_and_all_of_them_are_asked_to(
    queue: QueueFolder, four_cards: list[str]
) -> None:
    def small(memory_mib: int | None, shares: bool = True) -> Ticket:
        return Ticket(1, (four_cards[0],), shares=shares, memory_mib=memory_mib)

    run, other = put(queue, "a"), put(queue, "b")
    for second, fits in ((small(10_000), True), (small(15_000), False), (small(None), False), (small(1, False), False)):
        read = slots.Slots.read(queue, [], [second])
        assert read.take(run, small(10_000))
        assert (read.take(other, second) is not None) is fits


def test_a_run_asks_for_the_cards_that_its_config_takes(
    queue: QueueFolder, four_cards: list[str], nobody_starts: None, tmp_path: Path
) -> None:
    settings = config.resolve("sft", "default", overrides=[f"data={tmp_path}"])
    one, all_of_them = add(queue, [Order(settings, "single_gpu"), Order(settings, "multi_gpu")])
    assert (one.ticket or Ticket()).cards == 1
    assert (all_of_them.ticket or Ticket()).cards == 4
    assert (one.ticket or Ticket()).may_take == tuple(four_cards)
    (pipeline,) = add(queue, [Order(config.resolve("pipeline", "demo"), "single_gpu")])
    assert (pipeline.ticket or Ticket()).cards == 1
    (sharing,) = add(queue, [Order(settings, "single_gpu", shares=True)])
    assert 0 < ((sharing.ticket or Ticket()).memory_mib or 0) < 24_576
    with pytest.raises(UsageError, match="--share goes by the estimate"):
        add(queue, [replace(sft(), shares=True)])


def test_a_run_is_planned_on_the_cards_that_it_got(
    queue: QueueFolder, four_cards: list[str], nobody_starts: None, tmp_path: Path
) -> None:
    fixed = ["per_device_train_batch_size=1", "gradient_checkpointing=true", f"data={tmp_path}"]
    (run,) = add(queue, [Order(config.resolve("sft", "default", overrides=fixed), "multi_gpu", ("--debug",))])
    ticket = replace(run.ticket or Ticket(), got=tuple(four_cards[1:3]))
    plan, refused = taking_up._plan(run, "multi_gpu", ticket, emptied=False)
    assert plan.accelerate_args == ("--num_processes", "2", "--debug")
    assert plan.environment["CUDA_VISIBLE_DEVICES"] == "1,2"
    assert refused == []
