"""The queue under kill -9: 200 short runs in two slots, and 60 kills of whatever is there. `make bench-queue`; minutes.

The queue, the supervisors and the commands are the real ones; a recipe is a process of a few tenths of a second. Killed
are, at random moments and with the same chance for each kind: supervisors, recipes, and the commands that add runs or
take the queue up. `steptune queue resume` is typed again and again, as a person would who sees that nothing moves.

A recipe takes one of two file locks for as long as it lives: a third one at the same time finds none and says so. A run
may be started again only if a kill has made it a lost one. The order is that of the moments at which the supervisors
used up the tickets, of the runs that were started once.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import report
from tests.queue_case import marks, put
from toolkit.machine.processes import find_process
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.states import State
from toolkit.runs.queue import set_slots

RUNS, SLOTS, KILLS, SEED = 200, 2, 60, 17
RESUME_EVERY_S = 1.0
TIMEOUT_S = 900.0
ADDER = "--add"
# As the recipe of the tests, and it says so when it finds no slot.
RECIPE = """
    import fcntl, json, os, pathlib, time
    run = pathlib.Path(RUN_DIR)
    def mark(word):
        with (run.parent.parent / "marks.txt").open("a") as file:
            file.write(f"{word} {run.name} {os.getpid()}\\n")
    for slot in range(SLOTS):
        held = (run.parent.parent / f"slot-{slot}").open("ab")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            held.close()
    else:
        mark("exceeded")
    own = (run / "alone").open("ab")
    try:
        fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        mark("twice")
    mark("start")
    time.sleep(SECONDS)
    mark("end")
    with (run / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": "ended", "kind": "finished", "outputs": {}, "headline": {}}) + "\\n")
"""


def main() -> int:
    if sys.argv[1:2] == [ADDER]:
        return _add(QueueFolder(Path(sys.argv[2])), int(sys.argv[3]))
    with tempfile.TemporaryDirectory(prefix="steptune-queue-") as scratch:
        queue = QueueFolder(Path(scratch) / "runs")
        started = time.monotonic()
        killed = _schedule(queue)
        values, beside = _judged(queue, killed)
        beside["runs lost"] |= {"seconds": round(time.monotonic() - started, 1)}
    return report.finish("queue", values, beside)


def _add(queue: QueueFolder, first: int) -> int:
    """A process of its own, so that it can be killed: the runs from number `first` on, each acknowledged when added."""
    moments = random.Random(first)
    for number in range(first, RUNS):
        put(queue, _name(number), RECIPE.replace("SLOTS", str(SLOTS)), seconds=round(moments.uniform(0.02, 0.3), 3))
        with _acknowledged(queue).open("a") as file:
            file.write(f"{number}\n")
    return 0


def _schedule(queue: QueueFolder) -> Counter[str]:
    """Add, take up and kill until all is over; how often each kind of process was killed."""
    set_slots(queue, SLOTS)
    moments = random.Random(SEED)
    killed: Counter[str] = Counter()
    adder, mover = _adder(queue), _mover(queue)
    moved, next_kill, deadline = time.monotonic(), time.monotonic() + 1.0, time.monotonic() + TIMEOUT_S
    while not _is_over(queue):
        now = time.monotonic()
        if now > deadline:
            print("the queue did not end in time", file=sys.stderr)
            break
        if adder.poll() not in (None, 0):
            adder = _adder(queue)
        if mover.poll() is not None and now - moved > RESUME_EVERY_S:
            mover, moved = _mover(queue), now
        if killed.total() < KILLS and now > next_kill and (kind := _kill_one(queue, moments, adder, mover)):
            killed[kind] += 1
            next_kill = now + moments.uniform(0.2, 3.5)
        time.sleep(0.005)
    mover.wait()
    return killed


def _is_over(queue: QueueFolder) -> bool:
    """Whether every run was added, and none waits or goes on."""
    return _count(queue) == RUNS and not any(
        run.is_queued() or not run.state().is_over or (run.state() is State.LOST and run.used_ticket_file.exists())
        for run in queue.open_runs()
    )


def _adder(queue: QueueFolder) -> subprocess.Popen[bytes]:
    """The next number is the first that has no folder: one that was begun and not acknowledged is not begun again."""
    numbers = [int(path.name[1:]) for path in queue.root.glob("r*")]
    first = max(numbers, default=-1) + 1
    for number in range(_count(queue), first):  # what was begun counts as said, whether or not it waits
        with _acknowledged(queue).open("a") as file:
            file.write(f"{number}\n")
    return subprocess.Popen([sys.executable, __file__, ADDER, str(queue.root), str(first)])


def _mover(queue: QueueFolder) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "toolkit.cli", "queue", "resume"],
        env={**os.environ, "STEPTUNE_RUNS": str(queue.root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _kill_one(queue: QueueFolder, moments: random.Random, *own: subprocess.Popen[bytes]) -> str:
    """Kill one of what is there; its kind, "" where there is nothing."""
    found: list[tuple[str, int]] = [("command", process.pid) for process in own if process.poll() is None]
    for run in queue.open_runs():
        for kind, identity in (("supervisor", run.processes.supervisor), ("recipe", run.processes.child)):
            if process := find_process(identity):
                found.append((kind, process.pid))
    # A supervisor that has just been started has recorded nothing yet.
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "toolkit.runs.supervisor" in line and any(str(queue.root) in part for part in line):
            found.append(("supervisor", process.pid))
    if not found:
        return ""
    chosen = moments.choice(sorted({kind for kind, _ in found}))
    kind, pid = moments.choice(sorted({each for each in found if each[0] == chosen}))
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return kind


def _judged(queue: QueueFolder, killed: Counter[str]) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    names = [_name(number) for number in range(RUNS)]
    runs = [RunFolder(queue.root / name) for name in names]
    # One whose adder was killed before its ticket was written was never said to wait.
    queued = [run for run in runs if run.used_ticket_file.exists()]
    half_made = [run for run in runs if run not in queued and not run.is_queued()]
    states = Counter(str(run.state()) for run in queued)
    lost = [run for run in runs if run not in half_made and run.state() not in (State.FINISHED, State.FAILED)]
    starts = Counter(marks(queue.root))
    resumed = {run.path.name: sum(event.name == EventName.RESUMED for event in run.events()) for run in queued}
    twice = [name for name in names if starts[name] > 1 + resumed.get(name, 0)] + marks(queue.root, "twice")
    moments = [run.used_ticket_file.stat().st_ctime_ns for run in queued if not resumed[run.path.name]]
    values = {
        "kill -9 of supervisors, recipes and commands: kills": float(killed.total()),
        "runs lost": float(len(lost)),
        "runs started twice": float(len(twice)),
        "starts out of order": float(sum(after < before for before, after in itertools.pairwise(moments))),
        "starts beyond the slots": float(len(marks(queue.root, "exceeded"))),
    }
    return values, {
        "kill -9 of supervisors, recipes and commands: kills": dict(killed),
        "runs lost": {"runs": len(runs), "half made when their command was killed": len(half_made), **states},
        "runs started twice": {"starts": starts.total(), "taken up again": sum(resumed.values())},
        "starts out of order": {"starts": len(moments)},
    }


def _name(number: int) -> str:
    return f"r{number:03}"


def _acknowledged(queue: QueueFolder) -> Path:
    return queue.root.parent / "acknowledged.txt"


def _count(queue: QueueFolder) -> int:
    file = _acknowledged(queue)
    return file.read_text().count("\n") if file.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
