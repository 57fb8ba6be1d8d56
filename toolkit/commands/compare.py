"""`steptune compare`: runs side by side."""

from __future__ import annotations

import argparse
from typing import Any

from toolkit.commands.compare_trainings import caution, training_rows
from toolkit.commands.runs import summary
from toolkit.errors import UsageError
from toolkit.records import JSON
from toolkit.run_folder.comparison import differing_settings, headline_numbers
from toolkit.run_folder.find import find_run
from toolkit.terminal.layout import cut, fit
from toolkit.terminal.output import say, say_json
from toolkit.terminal.text import clean
from toolkit.terminal.values import shown


def compare(args: argparse.Namespace) -> int:
    """Settings that differ and headline numbers of two or more runs."""
    if len(args.run) < 2:
        raise UsageError("compare needs at least two runs, for example `steptune compare RUN1 RUN2`.")
    found = [find_run(name) for name in args.run]
    differing, numbers = differing_settings(found), headline_numbers(found)
    trainings = training_rows(found)
    if args.json:
        document: JSON = {"runs": [summary(run).to_json() for run in found], "settings": differing, "numbers": numbers}
        if trainings:
            document |= {"trainings": trainings, "caution": caution(trainings)}
        say_json(document)
        return 0
    _print_table(["", *(run.id for run in found)], [["state", *(run.state() for run in found)]])
    _print_table(["numbers"], [[key, *map(_number, values)] for key, values in numbers.items()])
    if trainings:
        _print_table(["training"], [[key, *map(_number, values)] for key, values in trainings.items()])
        if warning := caution(trainings):
            say(warning)
    _print_table(
        ["settings that differ" if differing else "no setting differs"],
        [[key, *map(_cell, values)] for key, values in differing.items()],
    )
    return 0


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) and abs(value) >= 1e-3 else _cell(value)


def _cell(value: Any) -> str:
    return "-" if value is None else shown(value)


def _print_table(header: list[str], rows: list[list[str]]) -> None:
    say(" ".join([f"{header[0]:<36}", *(f"{clean(cell):<34}" for cell in header[1:])]).rstrip())
    for name, *cells in rows:
        say(" ".join([f"  {clean(name):<34}", *(fit(cut(clean(cell), 33), 34) for cell in cells)]).rstrip())
