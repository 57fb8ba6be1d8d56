"""`steptune run --sweep` and `steptune sweep`: many settings and seeds of one recipe, and their table."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from toolkit.errors import UsageError
from toolkit.records import JSON
from toolkit.run_folder.sweep_folder import SweepFolder, find_sweep, list_sweeps
from toolkit.runs.stop_rule import in_words
from toolkit.runs.sweep_table import Cell, Row, SweepTable, sweep_table
from toolkit.terminal.layout import cut, fit_right
from toolkit.terminal.numbers import counted, number
from toolkit.terminal.output import ask, say, say_json
from toolkit.terminal.text import clean

_BEST = "*"


def start(args: argparse.Namespace, overrides: list[str]) -> int:
    """`steptune run RECIPE --sweep KEY=V1,V2 --seeds N`: queue all of it."""
    from toolkit.commands.queue import here
    from toolkit.runs import sweep as sweeps
    from toolkit.runs.enqueue import Order

    if args.run_dir or args.detach:
        raise UsageError(
            "A sweep makes a run folder for each of its runs, in the queue; leave --run-dir and --detach out."
        )
    config_file = Path(args.config) if args.config else None
    axes = sweeps.parse_axes(args.sweep)
    order = sweeps.SweepOrder(
        args.recipe, args.preset, config_file, tuple(overrides), axes, args.seeds, args.stop_after
    )
    _require_agreed(sweeps.count(order), args.yes, sweeps.MANY)
    planned = sweeps.plan(order)
    if args.dry_run:
        for each in planned:
            say(" ".join([f"{key}={value}" for key, value in each.setting.items()]) + _seed(each.seed))
        say(f"{counted(len(planned), 'run')}; nothing was queued")
        return 0
    like = Order(planned[0].settings, args.on, args.accelerate_args, args.share)
    made = sweeps.start(here(), order, planned, like)
    if args.json:
        say_json(_document(made, sweep_table(made)))
        return 0
    say(f"{made.path.name}: {counted(len(planned), 'run')} in the queue; `steptune sweep {made.path.name}` shows them")
    return 0


def show(args: argparse.Namespace) -> int:
    """One sweep as a table, or all sweeps in a line each."""
    if args.sweep is None:
        return _list(args.json)
    found = find_sweep(args.sweep)
    table = sweep_table(found, args.metric)
    if args.metric and args.metric not in table.numbers and table.numbers:
        raise UsageError(
            f"No run of {found.path.name} has a number {args.metric}; there are: {', '.join(table.numbers)}."
        )
    if args.json:
        say_json(_document(found, table))
        return 0
    for line in table_lines(table):
        say(cut(line, shutil.get_terminal_size().columns) if sys.stdout.isatty() else line)
    if verdict := table.verdict():
        say(verdict)
    if (share := found.document.stop_after) is not None:
        say(in_words(share))
    return 0


def table_lines(table: SweepTable) -> list[str]:
    """The table for people, a line each; the best has a star."""
    head = [f"{table.metric}", *(_seed(seed).strip() or "run" for seed in table.seeds), "mean", "spread"]
    body = [
        [
            f"{_BEST if row is table.best else ' '} {clean(row.label or 'as it is')}",
            *map(_shown, row.cells),
            number(row.mean),
            number(row.spread),
        ]
        for row in table.rows
    ]
    widths = [max(len(line[at]) for line in [head, *body]) for at in range(len(head))]
    return [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(fit_right(cell, width) for cell, width in zip(line[1:], widths[1:], strict=True)),
            ]
        )
        for line in [head, *body]
    ]


def _list(as_json: bool) -> int:
    found = [(sweep, sweep_table(sweep)) for sweep in list_sweeps()]
    if as_json:
        say_json([_document(sweep, table) for sweep, table in found])
        return 0
    for sweep, table in found:
        cells = [cell for row in table.rows for cell in row.cells]
        done = sum(cell.value is not None for cell in cells)
        best = (
            f", best {table.best.label or 'as it is'} ({table.metric} {number(table.best.mean)})" if table.best else ""
        )
        say(clean(f"{sweep.path.name:<34} {sweep.document.recipe:<10} {done} of {len(cells)} finished{best}"))
    if not found:
        say("There is no sweep; `steptune run sft --sweep lora_r=16,32 --seeds 3` makes one.")
    return 0


def _document(sweep: SweepFolder, table: SweepTable) -> JSON:
    best = table.best
    return {
        "id": sweep.path.name,
        "recipe": sweep.document.recipe,
        "stop_after": sweep.document.stop_after,
        "metric": table.metric,
        "lower_is_better": table.lower_is_better,
        "numbers": list(table.numbers),
        "best": best.label if best else None,
        "verdict": table.verdict(),
        "rows": [_row(row, table) for row in table.rows],
    }


def _row(row: Row, table: SweepTable) -> JSON:
    runs = [
        {"seed": seed, "id": cell.run.path.name, "state": cell.state, "value": cell.value}
        for seed, cell in zip(table.seeds, row.cells, strict=False)
    ]
    return {"setting": row.label, "mean": row.mean, "spread": row.spread, "runs": runs}


def _shown(cell: Cell) -> str:
    return number(cell.value) if cell.value is not None else str(cell.state or "gone")


def _seed(seed: int | None) -> str:
    return "" if seed is None else f" seed {seed}"


def _require_agreed(runs: int, yes: bool, many: int) -> None:
    if runs <= many or yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"This sweep makes {runs} runs, more than {many}; give --yes if that is meant.")
    if not ask(f"This sweep makes {runs} runs. Queue them all? [y/N] ").strip().lower().startswith("y"):
        raise UsageError("Nothing was queued.")
