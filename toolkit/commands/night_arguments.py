"""The arguments of the commands for many runs: the queue, sweeps, the notice at the end, and what `run` takes for them.
Standard library only, for `--help` reads this.
"""

from __future__ import annotations

import argparse


def add_night_arguments(command: argparse.ArgumentParser) -> None:
    """What `steptune run` takes for runs that do not start at once."""
    command.add_argument(
        "--queue",
        action="store_true",
        help="start it when the GPUs or the CPU slot that it asks for are free, in order",
    )
    command.add_argument(
        "--share",
        action="store_true",
        help="with --queue: it may share a GPU with others that do, where the estimates of their memory fit together",
    )
    command.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="KEY=V1,V2",
        help="queue a run for each value; several times: for each combination",
    )
    command.add_argument("--seeds", type=_count, metavar="N", help="queue each of them with N seeds")
    command.add_argument(
        "--stop-after",
        type=_share,
        metavar="SHARE",
        help="end a run of a sweep if after this share of its steps its loss is above the median of the others",
    )
    command.add_argument("-y", "--yes", action="store_true", help="do not ask before more than 200 runs are queued")
    command.add_argument("--submit", choices=("slurm",), help="hand it to Slurm's sbatch instead of starting it here")
    command.add_argument(
        "--slurm", action="append", default=[], metavar="NAME=VALUE", help="an option of sbatch, such as partition=gpu"
    )


def add_sweep_arguments(command: argparse.ArgumentParser) -> None:
    """`steptune sweep`."""
    command.add_argument("sweep", nargs="?", metavar="SWEEP", help="id, unique part of an id, or `latest`")
    command.add_argument(
        "--metric", metavar="NAME", help="a number of the runs (default: what the recipe is judged by)"
    )


def add_queue_arguments(command: argparse.ArgumentParser) -> None:
    """`steptune queue` and its steps; without one it shows the queue."""
    steps = command.add_subparsers(dest="step", metavar="STEP")

    def add(name: str, handler: str, summary: str) -> argparse.ArgumentParser:
        step = steps.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        step.set_defaults(handler=f"queue:{handler}")
        return step

    resume = add("resume", "resume", "after a restart, or where nothing moves: take lost runs up again, start what may")
    resume.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else there")
    for name, summary in (("up", "one place up"), ("down", "one place down"), ("top", "to the front")):
        add(name, "move", summary).add_argument("run", metavar="RUN")
    for name, summary in (("hold", "keep runs from starting"), ("release", "let runs start that were held")):
        add(name, "hold", summary).add_argument(
            "run", nargs="*", metavar="RUN", help="runs by id, unique part of an id, or path (default: all that wait)"
        )
    add("drop", "drop", "take runs out of the queue; their folders stay").add_argument("run", nargs="+", metavar="RUN")
    edit = add("edit", "edit", "change options of a run that waits")
    edit.add_argument("run", metavar="RUN")
    edit.add_argument("overrides", nargs="+", metavar="KEY=VALUE", help="options and their values")
    slots = add("slots", "slots", "how many runs without a GPU go on at once (1 unless you say otherwise)")
    slots.add_argument("count", type=_count, metavar="N")


def add_notice_arguments(command: argparse.ArgumentParser) -> None:
    """`steptune notice`."""
    command.add_argument("--bell", choices=("on", "off"), help="the terminal's bell and OSC 9, where a run is followed")
    command.add_argument(
        "--command",
        dest="run_command",
        metavar="COMMAND",
        help="for the shell, with a JSON document on its stdin; or off",
    )
    command.add_argument(
        "--webhook",
        metavar="FILE",
        help="file with the address that the document is posted to, `-` to be asked, or off",
    )
    command.add_argument("--test", action="store_true", help="do it now")


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 1000:
        raise argparse.ArgumentTypeError(f"found {text}, expected a number from 1 on")
    return count


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a number between 0 and 1, for example 0.3")
    return share


_count.__name__ = _share.__name__ = "number"
