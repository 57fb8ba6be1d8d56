"""`steptune tag`: how people sort their runs."""

from __future__ import annotations

import argparse

from toolkit.run_folder.find import find_run
from toolkit.run_folder.labels import change_tags, pin, read_labels
from toolkit.terminal.output import say, say_json


def tag(args: argparse.Namespace) -> int:
    """Change or show tags and pin of runs."""
    found = [find_run(name) for name in args.run]
    for run in found:
        if args.add or args.remove:
            change_tags(run, args.add, args.remove)
        if args.pin is not None:
            pin(run, args.pin)
    labels = {run.id: read_labels(run) for run in found}
    if args.json:
        say_json({identifier: of_run.to_json() for identifier, of_run in labels.items()})
        return 0
    for identifier, of_run in labels.items():
        say(f"{identifier:<34} {'pinned  ' if of_run.pinned else ''}{' '.join(of_run.tags) or 'no tags'}")
    return 0
