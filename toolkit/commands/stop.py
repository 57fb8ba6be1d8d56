"""`steptune stop` and `rm`: end a run, and delete runs that ended."""

from __future__ import annotations

import argparse
import sys

from toolkit.errors import UsageError
from toolkit.run_folder.find import find_run
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.remove import remove_run, require_removable
from toolkit.runs.stop import ask_to_stop, stop_notice, wait_until_ended
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
    """Delete run folders, after asking; a run that is going on is never deleted."""
    found = [find_run(name) for name in args.run]
    for run in found:
        require_removable(run)
    if not args.yes and not _confirmed(found):
        say("Nothing was deleted.")
        return 0
    for run in found:
        remove_run(run)
        say(f"deleted {run.path}")
    return 0


def _confirmed(found: list[RunFolder]) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("rm asks before it deletes, and there is no terminal to ask on; give --yes.")
    say("\n".join(str(run.path) for run in found))
    return ask(f"Delete {len(found)} run folder(s) and everything in them? [y/N] ").strip().lower().startswith("y")
