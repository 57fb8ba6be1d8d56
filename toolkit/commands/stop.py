"""`steptune stop`, `rm`, `restore` and `trash`: end a run, delete runs that ended, and take them back."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from toolkit.errors import UsageError
from toolkit.run_folder.find import find_run, runs_root
from toolkit.run_folder.states import State
from toolkit.runs.stop import ask_to_stop, stop_notice, wait_until_ended
from toolkit.runs.trash import (
    Trashed,
    empty_trash,
    put_in_trash,
    remove_now,
    require_removable,
    take_back,
    trashed_runs,
)
from toolkit.terminal.numbers import age, counted, file_size
from toolkit.terminal.output import ask, say, say_error, say_json


def stop(args: argparse.Namespace) -> int:
    """Ask the run to save and end, and wait until nothing of it is left."""
    run = find_run(args.run)
    ask_to_stop(run)
    if not args.json and (notice := stop_notice(run)):
        say_error(f"{run.id} was asked to stop. {notice}")
    state = wait_until_ended(run)
    if args.json:
        say_json({"id": run.id, "state": state}, indent=None)
    else:
        say(
            f"{run.id} {state}; `steptune resume {run.id}` continues it."
            if state is State.CANCELLED
            else f"{run.id} {state}"
        )
    return 0


def remove(args: argparse.Namespace) -> int:
    """Put runs that ended into the trash; with --now delete them, after asking. One that goes on is never touched."""
    found = [find_run(name) for name in args.run]
    for run in found:
        require_removable(run)
    if args.now:
        if not _confirmed([run.path for run in found], args.yes):
            return 0
        for run in found:
            remove_now(run)
            say(f"deleted {run.path}")
        return 0
    moved = [put_in_trash(run) for run in found]
    for one in moved:
        say(f"{one.name} is in the trash ({file_size(one.size)})")
    say("`steptune restore RUN` takes a run back; `steptune trash --empty` deletes what is there.")
    return 0


def restore(args: argparse.Namespace) -> int:
    """Take runs back from the trash."""
    for one in [_in_trash(name) for name in args.run]:
        say(f"{take_back(one).path} is back")
    return 0


def trash(args: argparse.Namespace) -> int:
    """What is in the trash, and how large it is; with --empty delete it, after asking."""
    found = trashed_runs(runs_root())
    if args.json:
        say_json([{"id": one.name, "from": str(one.origin), "size": one.size, "time": one.time} for one in found])
        return 0
    total = file_size(sum(one.size for one in found))
    if not args.empty:
        for one in found:
            say(f"{one.name:<34} {file_size(one.size):>9}  {age(time.time() - one.time)} ago")
        say(f"{counted(len(found), 'run')} in the trash of {runs_root()}, {total}")
    elif found and _confirmed([one.path for one in found], args.yes):
        say(f"deleted {counted(len(found), 'run')}, {file_size(empty_trash(found))}")
    return 0


def _in_trash(name: str) -> Trashed:
    found = trashed_runs(runs_root())
    fitting = [one for one in found if one.name == name] or [one for one in found if name and name in one.name]
    if len(fitting) != 1:
        there = ", ".join(one.name for one in fitting[:3]) or "nothing of that name"
        raise UsageError(
            f"{name!r} names {len(fitting)} runs in the trash of {runs_root()} ({there}); see `steptune trash`."
        )
    return fitting[0]


def _confirmed(found: list[Path], is_confirmed: bool) -> bool:
    if is_confirmed:
        return True
    if not sys.stdin.isatty():
        raise UsageError("This asks before it deletes, and there is no terminal to ask on; give --yes.")
    say("\n".join(map(str, found)))
    question = f"Delete {counted(len(found), 'run folder')} and everything in them? [y/N] "
    if ask(question).strip().lower().startswith("y"):
        return True
    say("Nothing was deleted.")
    return False
