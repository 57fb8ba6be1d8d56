"""`steptune runs`, `show`, `logs`, `stop`, `compare`, `note` and `rm`: everything about runs that exist."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from toolkit.commands.compare_trainings import caution, training_rows
from toolkit.errors import UsageError
from toolkit.records import JSON, read_growing_jsonl, read_json
from toolkit.run_folder.comparison import differing_settings, headline_numbers
from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.find import find_run, list_runs, runs_root
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.follow import describe_progress
from toolkit.runs.remove import remove_run, require_removable
from toolkit.runs.stop import ask_to_stop, stop_notice, wait_until_ended
from toolkit.terminal.layout import cut, fit
from toolkit.terminal.numbers import clock, headline_text
from toolkit.terminal.output import ask, say, say_error, say_json
from toolkit.terminal.text import clean

FOLLOW_POLL_S = 0.3


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
    """All runs of the runs folder, newest first."""
    rows = [_summary(run) for run in list_runs()]
    if args.json:
        say_json([row.to_json() for row in rows])
    elif not rows:
        say(f"No runs in {runs_root()}; `steptune run pipeline --preset demo` starts one.")
    for row in () if args.json else rows:
        detail = row.progress if row.state.is_running else headline_text(row.headline) or row.message
        line = clean(f"{row.id:<34} {row.state:<13} {clock(row.age_s):>9} ago  {detail}").rstrip()
        say(cut(line, shutil.get_terminal_size().columns) if sys.stdout.isatty() else line)
    return 0


def _summary(run: RunFolder) -> RunSummary:
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


def show(args: argparse.Namespace) -> int:
    """One run in full: how it was started, its state, what it wrote."""
    run = find_run(args.run)
    summary, config = _summary(run), read_config(run)
    stages = [(stage.path.name, _summary(stage)) for stage in _stages(run)]
    if args.json:
        document = {
            **summary.to_json(),
            "run": read_json(run.info_file) or {},
            "config": config.values,
            "result": read_json(run.result_file),
            "stages": [{**stage.to_json(), "stage": name} for name, stage in stages],
            "notes": read_growing_jsonl(run.notes_file),
        }
        say_json(document)
        return 0
    info = run.info
    say(f"{summary.id}  {summary.recipe}  {summary.state}  {summary.message}".rstrip())
    say(f"folder   {run.path}\ncreated  {info.created} on {info.host}, steptune {info.steptune}")
    if summary.progress:
        say(f"now      {summary.progress}")
    for name, stage in stages:
        say(f"stage    {name:<18} {stage.state:<10} {headline_text(stage.headline)}".rstrip())
    if summary.headline:
        say(f"numbers  {headline_text(summary.headline)}")
    for name, path in run.outputs().items():
        say(f"output   {name}: {path}")
    for note_row in run.notes():
        say(f"note     {note_row.text}")
    say(f"\n{config.problem or yaml.safe_dump(config.values, sort_keys=False, allow_unicode=True)}".rstrip())
    return 0


def _stages(run: RunFolder) -> list[RunFolder]:
    return sorted(run.stages(), key=lambda stage: stage.info.created_unix or 0.0)


def logs(args: argparse.Namespace) -> int:
    """The last lines of a run's log; with -f everything that follows, stages of a pipeline included, until it ends."""
    run = find_run(args.run)
    positions = {path: _print_tail(path, args.lines) for path in _log_paths(run)}
    while args.follow:
        ended = run.state().is_over
        for path in _log_paths(run):
            positions[path] = _print_from(path, positions.get(path, 0))
        if ended:
            return 0
        time.sleep(FOLLOW_POLL_S)
    return 0


def _log_paths(run: RunFolder) -> list[Path]:
    return [run.log_file, *(stage.log_file for stage in _stages(run))]


def _print_tail(path: Path, lines: int) -> int:
    """Print the last lines of a file; returns the position after them. Reads backwards, so a long log costs nothing."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        end = position = file.seek(0, 2)
        data = b""
        while position > 0 and data.count(b"\n") <= lines:
            step = min(65536, position)
            position -= step
            file.seek(position)
            data = file.read(step) + data
    shown = b"\n".join(data.split(b"\n")[-(lines + 1) :]) if lines > 0 else b""
    say(shown.decode("utf-8", "replace"), end="")
    return end


def _print_from(path: Path, position: int) -> int:
    if not path.exists():
        return position
    with path.open("rb") as file:
        file.seek(position)
        data = file.read()
    say(data.decode("utf-8", "replace"), end="")
    return position + len(data)


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


def compare(args: argparse.Namespace) -> int:
    """Settings that differ and headline numbers of two or more runs."""
    if len(args.run) < 2:
        raise UsageError("compare needs at least two runs, for example `steptune compare RUN1 RUN2`.")
    found = [find_run(name) for name in args.run]
    differing, numbers = differing_settings(found), headline_numbers(found)
    trainings = training_rows(found)
    if args.json:
        document: JSON = {"runs": [_summary(run).to_json() for run in found], "settings": differing, "numbers": numbers}
        if trainings:
            document |= {"trainings": trainings, "caution": caution(trainings)}
        say_json(document)
        return 0
    _print_table(["", *(run.id for run in found)], [["state", *(run.state() for run in found)]])
    _print_table(["numbers"], [[key, *map(_cell, values)] for key, values in numbers.items()])
    if trainings:
        _print_table(["training"], [[key, *map(_cell, values)] for key, values in trainings.items()])
        if warning := caution(trainings):
            say(warning)
    _print_table(
        ["settings that differ" if differing else "no setting differs"],
        [[key, *map(_cell, values)] for key, values in differing.items()],
    )
    return 0


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) and abs(value) >= 1e-3 else "-" if value is None else str(value)


def _print_table(header: list[str], rows: list[list[str]]) -> None:
    say(" ".join([f"{header[0]:<36}", *(f"{clean(cell):<34}" for cell in header[1:])]).rstrip())
    for name, *cells in rows:
        say(" ".join([f"  {clean(name):<34}", *(fit(cut(clean(cell), 33), 34) for cell in cells)]).rstrip())


def note(args: argparse.Namespace) -> int:
    """Add a note to a run, or show its notes."""
    run = find_run(args.run)
    if args.text:
        run.add_note(args.text)
        return 0
    for row in run.notes():
        say(f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(row.time))}  {row.text}")
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
