"""`steptune checkpoint`: have a running training save where it is, without stopping it."""

from __future__ import annotations

import argparse
import time

from toolkit.run_folder.find import find_run
from toolkit.runs.checkpoint_request import ask_for_checkpoint, wait_for_checkpoint
from toolkit.terminal.output import say, say_json


def checkpoint(args: argparse.Namespace) -> int:
    """Ask, wait for the step to end and the checkpoint to be whole, and say where it is."""
    run = find_run(args.run)
    since = round(time.time(), 3)
    ask_for_checkpoint(run)
    step, path = wait_for_checkpoint(run, since)
    document = {"id": run.id, "step": step, "path": str(path)}
    if args.json:
        say_json(document, indent=None)
    else:
        say(f"{run.id} saved step {step} in {path}")
    return 0
