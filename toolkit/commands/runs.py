"""`steptune runs`: all runs, a line each. Other commands on runs have modules of their own, so that the list, which is
typed most, starts quickest.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.records import JSON
from toolkit.run_folder.find import runs_root
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.follow import describe_progress
from toolkit.runs.row import RunRow
from toolkit.runs.row_index import read_rows
from toolkit.terminal.layout import cut
from toolkit.terminal.numbers import clock, headline_text
from toolkit.terminal.output import say, say_json
from toolkit.terminal.text import clean


@dataclass(frozen=True)
class RunSummary:
    """A run in a line, as `--json` prints it."""

    id: str
    recipe: str
    state: State
    signal: str | None
    age_s: float
    progress: str
    headline: dict[str, Any]
    message: str
    run_dir: str

    def to_json(self) -> JSON:
        return dict(vars(self))


def runs(args: argparse.Namespace) -> int:
    """The runs of the runs folder that fit a filter, newest first or in another order."""
    columns = [name.strip() for name in args.columns.split(",") if name.strip()]
    rows = _rows()
    cells: dict[Path, JSON] = {}
    is_plain = not (args.filter or columns or args.turned) and args.order == "newest"
    if not is_plain:
        from toolkit.commands.selected_runs import selected_runs

        rows, cells = selected_runs(rows, " ".join(args.filter), args.order, args.turned, columns)
    if args.json:
        say_json([{**summary(RunFolder(row.path)).to_json(), **cells.get(row.path, {})} for row in rows])
    elif not rows:
        start = "`steptune run pipeline --preset demo` starts one."
        say(f"No runs in {runs_root()}; {start}" if is_plain else "No run fits.")
    else:
        now, is_terminal, width = time.time(), sys.stdout.isatty(), shutil.get_terminal_size().columns
        lines = [_line(row, cells.get(row.path), now) for row in rows]
        say("\n".join(cut(line, width) if is_terminal else line for line in lines))
    return 0


def _rows() -> list[RunRow]:
    try:
        return read_rows(runs_root())
    except OSError as error:
        raise UsageError(f"{runs_root()} cannot be read: {error.strerror}.") from None


def _line(row: RunRow, cells: JSON | None, now: float) -> str:
    """A run in a line for people: under columns what it has there, else how far it is or how it ended."""
    detail = row.headline or row.message
    if cells is not None:
        detail = headline_text(cells)
    elif row.state.is_running:
        progress = RunFolder(row.path).progress()
        detail = describe_progress(progress) if progress else ""
    age_s = 0.0 if row.created is None else now - row.created
    return clean(f"{row.id:<34} {row.state:<13} {clock(age_s):>9} ago  {detail}").rstrip()


def summary(run: RunFolder) -> RunSummary:
    """A run in a line; somebody else's that may not be read is listed as unreadable."""
    try:
        return _read_summary(run)
    except PermissionError as error:
        reason = f"no permission to read {error.filename}"
        return RunSummary(run.path.name, "?", State.UNREADABLE, None, 0.0, "", {}, reason, str(run.path))


def _read_summary(run: RunFolder) -> RunSummary:
    info, state, result = run.info, run.state(), run.result
    progress = run.progress() if state.is_running else None
    now = time.time()
    return RunSummary(
        id=info.id,
        recipe=info.recipe,
        state=state,
        signal=result.signal if result else None,
        age_s=round(now - (info.created_unix or now), 1),
        progress=describe_progress(progress) if progress else "",
        headline=dict(result.headline) if result else {},
        message=result.message.split("\n")[0] if result else "",
        run_dir=str(run.path),
    )
