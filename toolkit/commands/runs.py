"""`steptune runs`: all runs, a line each. Other commands on runs have modules of their own, so that the list, which is
typed most, starts quickest.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from dataclasses import dataclass
from typing import Any

from toolkit.records import JSON
from toolkit.run_folder.find import list_runs, runs_root
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.follow import describe_progress
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
    found = list_runs()
    cells: dict[str, JSON] = {}
    is_plain = not (args.filter or columns or args.turned) and args.order == "newest"
    if not is_plain:  # needs more of every run than the list does
        from toolkit.commands.selected_runs import selected_runs

        found, cells = selected_runs(found, " ".join(args.filter), args.order, args.turned, columns)
    rows = [summary(run) for run in found]
    if args.json:
        say_json([{**row.to_json(), **cells.get(row.run_dir, {})} for row in rows])
    elif not rows:
        start = "`steptune run pipeline --preset demo` starts one."
        say(f"No runs in {runs_root()}; {start}" if is_plain else "No run fits.")
    for row in () if args.json else rows:
        detail = row.progress if row.state.is_running else headline_text(row.headline) or row.message
        if row.run_dir in cells:
            detail = headline_text(cells[row.run_dir])
        line = clean(f"{row.id:<34} {row.state:<13} {clock(row.age_s):>9} ago  {detail}").rstrip()
        say(cut(line, shutil.get_terminal_size().columns) if sys.stdout.isatty() else line)
    return 0


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
