"""`steptune queue`: the runs that wait for their cards or CPU slot, and every change of their order."""

from __future__ import annotations

import argparse
import shutil
import sys
import time

from toolkit.errors import SteptuneError
from toolkit.records import JSON
from toolkit.run_folder.find import find_run, runs_root
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.runs import queue, slurm
from toolkit.runs.queue import Waiting
from toolkit.terminal.layout import cut
from toolkit.terminal.numbers import clock, counted
from toolkit.terminal.output import say, say_error, say_json
from toolkit.terminal.text import clean

STANDS_STILL = "There is room, and nothing starts the next run: `steptune queue resume` does."


def show(args: argparse.Namespace) -> int:
    """What runs and what waits, in order, with what it waits for."""
    folder = here()
    submitted = [(run, _job_words(run)) for run in folder.submitted()]
    waiting, going = queue.waiting(folder), queue.going_on(folder)
    if args.json:
        say_json(
            {
                "slots": folder.document.slots,
                "stands_still": stands_still(waiting),
                "at_work": [run.id for run in going],
                "queue": [to_json(each) for each in waiting],
                "submitted": [{"id": run.id, "job": words} for run, words in submitted],
            }
        )
        return 0
    for run in going:
        _say_line(f"  - {run.id:<34} {run.state():<9}")
    for each in waiting:
        _say_line(f"{each.place:>3} {each.run.id:<34} {describe(each)}")
    for run, words in submitted:
        _say_line(f"  - {run.id:<34} {words}")
    if not waiting:
        say("Nothing waits in the queue; `steptune run RECIPE ... --queue` puts a run into it.")
    elif stands_still(waiting):
        say_error(f"steptune: {STANDS_STILL}")
    return 0


def _job_words(run: RunFolder) -> str:
    """What Slurm says of a run that was submitted."""
    try:
        return str(slurm.forget_if_gone(run) or "Slurm does not know its job any more; it is lost")
    except SteptuneError as error:
        return str(error)


def here() -> QueueFolder:
    """The queue of the runs folder."""
    return QueueFolder(runs_root())


def stands_still(waiting: list[Waiting]) -> bool:
    """Whether a run could start now and nobody has started it."""
    return any(not each.waits_for for each in waiting)


def describe(waiting: Waiting) -> str:
    """Since when a run waits, and for what."""
    return f"waits {clock(_waited_s(waiting)):>8}  for {waiting.waits_for or 'somebody who starts it'}"


def to_json(waiting: Waiting) -> JSON:
    """A waiting run, as `--json` prints it."""
    ticket = waiting.ticket
    return {
        "place": waiting.place,
        "id": waiting.run.id,
        "recipe": waiting.run.recipe,
        "held": ticket.held,
        "gpus": ticket.cards,
        "shares": ticket.shares,
        "memory_mib": ticket.memory_mib,
        "waited_s": round(_waited_s(waiting), 1),
        "waits_for": waiting.waits_for,
        "run_dir": str(waiting.run.path),
    }


def say_queued(runs: list[RunFolder], as_json: bool) -> int:
    """Where runs stand that were put into the queue just now."""
    places = {each.run.path: each for each in queue.waiting(here())}
    if as_json:
        documents = [
            {"id": run.id, "recipe": run.recipe, "state": run.state(), "run_dir": str(run.path)}
            | ({"place": places[run.path].place} if run.path in places else {})
            for run in runs
        ]
        say_json(documents[0] if len(documents) == 1 else documents)
        return 0
    for run in runs:
        each = places.get(run.path)
        say(f"{run.id} {run.state()}" + (f", place {each.place}, {describe(each)}" if each else ""))
    return 0


def resume(args: argparse.Namespace) -> int:
    """Take the queue up: what was lost in a restart waits again, and what may start is started."""
    from toolkit.runs.enqueue import take_up

    taken = take_up(here())
    waiting = queue.waiting(here())
    if args.json:
        say_json(
            {
                "again": [run.id for run in taken.lost],
                "left": taken.left,
                "started": [run.id for run in taken.started],
                "queue": [to_json(each) for each in waiting],
            }
        )
        return 0
    for run in taken.lost:
        say(f"{run.id} was lost, and goes on from what it saved")
    for reason in taken.left:
        say_error(f"steptune: {reason}")
    for run in taken.started:
        say(f"{run.id} {run.state()}")
    say(f"{counted(len(taken.started), 'run')} started, {len(waiting)} waiting")
    return 0


def move(args: argparse.Namespace) -> int:
    """`up`, `down`, `top`."""
    run = find_run(args.run)
    place = queue.move(here(), run, {"up": -1, "down": 1, "top": None}[args.step])
    say(f"{run.id} has place {place}")
    return 0


def hold(args: argparse.Namespace) -> int:
    """`hold` and `release`, of some runs or of all that wait."""
    held = args.step == "hold"
    runs = _named(args.run)
    queue.hold(here(), runs, held)
    for run in runs:
        say(f"{run.id} {'is held' if held else 'is released'}")
    return 0


def drop(args: argparse.Namespace) -> int:
    """Take runs out of the queue; their folders stay."""
    runs = [find_run(name) for name in args.run]
    queue.drop(here(), runs)
    for run in runs:
        say(f"{run.id} is out of the queue; `steptune rm {run.id}` deletes its folder")
    return 0


def edit(args: argparse.Namespace) -> int:
    """Change options of a run that waits."""
    from toolkit.runs.enqueue import edit

    run = find_run(args.run)
    edit(here(), run, args.overrides)
    say(f"{run.id} has {' '.join(args.overrides)}")
    return 0


def slots(args: argparse.Namespace) -> int:
    """How many runs without a GPU go on at once."""
    queue.set_slots(here(), args.count)
    say(f"{counted(args.count, 'run')} without a GPU at once")
    return 0


def _named(names: list[str]) -> list[RunFolder]:
    return [find_run(name) for name in names] or [each.run for each in queue.waiting(here())]


def _waited_s(waiting: Waiting) -> float:
    return max(0.0, time.time() - waiting.ticket.queued_unix)


def _say_line(text: str) -> None:
    line = clean(text).rstrip()
    say(cut(line, shutil.get_terminal_size().columns) if sys.stdout.isatty() else line)
