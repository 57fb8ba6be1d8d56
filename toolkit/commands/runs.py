"""`steptune runs`, `show`, `logs`, `stop`, `compare`, `note` and `rm`: everything about runs that exist."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from toolkit.commands.compare_trainings import caution, training_rows
from toolkit.errors import UsageError
from toolkit.records import append_jsonl, read_growing_jsonl
from toolkit.run_folder.folder import ENDED_STATES, RunFolder, find_run, list_runs, runs_root
from toolkit.runs.follow import describe_progress
from toolkit.runs.stop import ask_to_stop, wait_until_ended
from toolkit.terminal.layout import cut, fit
from toolkit.terminal.numbers import clock, headline_text
from toolkit.terminal.output import ask, say, say_json
from toolkit.terminal.text import clean

FOLLOW_POLL_S = 0.3


def runs(args: argparse.Namespace) -> int:
    """All runs of the runs folder, newest first."""
    rows = [_summary(run) for run in list_runs()]
    if args.json:
        say_json(rows)
    elif not rows:
        say(f"No runs in {runs_root()}; `steptune run pipeline --preset demo` starts one.")
    for row in () if args.json else rows:
        detail = (
            row["progress"]
            if row["state"] in ("running", "stalled")
            else headline_text(row["headline"]) or row["message"]
        )
        line = clean(f"{row['id']:<34} {row['state']:<13} {clock(row['age_s']):>9} ago  {detail}").rstrip()
        say(cut(line, shutil.get_terminal_size().columns) if sys.stdout.isatty() else line)
    return 0


def _summary(run: RunFolder) -> dict[str, Any]:
    """A run in a line; somebody else's that may not be read is listed as unreadable."""
    try:
        return _read_summary(run)
    except PermissionError as error:
        nothing: dict[str, Any] = {
            "recipe": "?",
            "signal": None,
            "age_s": 0.0,
            "progress": "",
            "headline": {},
            "run_dir": str(run.path),
        }
        return {
            "id": run.path.name,
            "state": "unreadable",
            "message": f"no permission to read {error.filename}",
            **nothing,
        }


def _read_summary(run: RunFolder) -> dict[str, Any]:
    info, state, result = run.info, run.state(), run.result or {}
    progress = run.progress() if state in ("running", "stalled") else {}
    return {
        "id": str(info.get("id", run.path.name)),
        "recipe": str(info.get("recipe", "?")),
        "state": state,
        "signal": result.get("signal"),
        "age_s": round(time.time() - info.get("created_unix", time.time()), 1),
        "progress": describe_progress(progress) if progress else "",
        "headline": result.get("headline") or {},
        "message": result.get("message", "").split("\n")[0],
        "run_dir": str(run.path),
    }


def show(args: argparse.Namespace) -> int:
    """One run in full: how it was started, how it stands, what it wrote."""
    run = find_run(args.run)
    stages = [{**_summary(stage), "stage": stage.path.name} for stage in _stages(run)]
    if args.json:
        document = {
            **_summary(run),
            "run": run.info,
            "config": _config(run),
            "result": run.result,
            "stages": stages,
            "notes": _notes(run),
        }
        say_json(document)
        return 0
    summary = _summary(run)
    say(f"{summary['id']}  {summary['recipe']}  {summary['state']}  {summary['message']}".rstrip())
    say(
        f"folder   {run.path}\ncreated  {run.info.get('created')} on {run.info.get('host')}, steptune"
        f" {run.info.get('steptune')}"
    )
    if summary["progress"]:
        say(f"now      {summary['progress']}")
    for stage in stages:
        say(f"stage    {stage['stage']:<18} {stage['state']:<10} {headline_text(stage['headline'])}".rstrip())
    if summary["headline"]:
        say(f"numbers  {headline_text(summary['headline'])}")
    for name, output in ((run.result or {}).get("outputs") or {}).items():
        say(f"output   {name}: {(run.path / output['path']).resolve()}")
    for note_row in _notes(run):
        say(f"note     {note_row['text']}")
    say(f"\n{yaml.safe_dump(_config(run), sort_keys=False, allow_unicode=True)}".rstrip())
    return 0


def _stages(run: RunFolder) -> list[RunFolder]:
    found = [RunFolder(path.parent) for path in run.path.glob("stages/*/run.json")]
    return sorted(found, key=lambda stage: stage.info.get("created_unix", 0.0))


def _config(run: RunFolder) -> Any:
    path = run.path / "config.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def logs(args: argparse.Namespace) -> int:
    """The last lines of a run's log; with -f everything that follows, stages of a pipeline included, until it ends."""
    run = find_run(args.run)
    positions = {path: _print_tail(path, args.lines) for path in _log_paths(run)}
    while args.follow:
        ended = run.state() in (*ENDED_STATES, "lost")
        for path in _log_paths(run):
            positions[path] = _print_from(path, positions.get(path, 0))
        if ended:
            return 0
        time.sleep(FOLLOW_POLL_S)
    return 0


def _log_paths(run: RunFolder) -> list[Path]:
    return [run.path / "log.txt", *(stage.path / "log.txt" for stage in _stages(run))]


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
    state = wait_until_ended(run)
    if args.json:
        say_json({"id": run.id, "state": state}, indent=None)
    else:
        say(
            f"{run.id} {state}; `steptune resume {run.id}` continues it."
            if state == "cancelled"
            else f"{run.id} {state}"
        )
    return 0


def compare(args: argparse.Namespace) -> int:
    """Settings that differ and headline numbers of two or more runs."""
    if len(args.run) < 2:
        raise UsageError("compare needs at least two runs, for example `steptune compare RUN1 RUN2`.")
    found = [find_run(name) for name in args.run]
    configs = [_flatten(_config(run)) for run in found]
    keys = list(dict.fromkeys(key for values in configs for key in values))
    differing = {
        key: [values.get(key) for values in configs]
        for key in keys
        if len({repr(values.get(key)) for values in configs}) > 1
    }
    headlines = [((run.result or {}).get("headline") or {}) for run in found]
    numbers = {
        key: [headline.get(key) for headline in headlines]
        for key in dict.fromkeys(key for headline in headlines for key in headline)
    }
    trainings = training_rows(found)
    if args.json:
        document = {"runs": [_summary(run) for run in found], "settings": differing, "numbers": numbers}
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


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {key: item for name, inner in value.items() for key, item in _flatten(inner, f"{prefix}{name}.").items()}
    return {prefix.rstrip("."): value}


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
        append_jsonl(run.path / "notes.jsonl", {"time": round(time.time(), 3), "text": args.text}, durable=True)
        return 0
    for row in _notes(run):
        say(f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(row['time']))}  {row['text']}")
    return 0


def _notes(run: RunFolder) -> list[dict[str, Any]]:
    return read_growing_jsonl(run.path / "notes.jsonl")


def remove(args: argparse.Namespace) -> int:
    """Delete run folders, after asking; a run that is going on is never deleted."""
    found = [find_run(name) for name in args.run]
    for run in found:
        if (state := run.state()) not in (*ENDED_STATES, "lost"):
            raise UsageError(f"The run {run.id} is {state}; stop it with `steptune stop {run.id}` before deleting it.")
    if not args.yes and not _confirmed(found):
        say("Nothing was deleted.")
        return 0
    for run in found:
        shutil.rmtree(run.path)
        say(f"deleted {run.path}")
    return 0


def _confirmed(found: list[RunFolder]) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("rm asks before it deletes, and there is no terminal to ask on; give --yes.")
    say("\n".join(str(run.path) for run in found))
    return ask(f"Delete {len(found)} run folder(s) and everything in them? [y/N] ").strip().lower().startswith("y")
