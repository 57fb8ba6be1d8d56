"""`steptune show`, `logs` and `note`: one run in full."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import yaml

from toolkit.commands.runs import summary
from toolkit.records import read_growing_jsonl, read_json
from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.find import find_run
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.notice import ring
from toolkit.terminal.numbers import headline_text
from toolkit.terminal.output import say, say_json

FOLLOW_POLL_S = 0.3


def show(args: argparse.Namespace) -> int:
    """One run in full: how it was started, its state, what it wrote."""
    run = find_run(args.run)
    line, config = summary(run), read_config(run)
    stages = [(stage.path.name, summary(stage)) for stage in _stages(run)]
    if args.json:
        document = {
            **line.to_json(),
            "run": read_json(run.info_file) or {},
            "config": config.values,
            "result": read_json(run.result_file),
            "stages": [{**stage.to_json(), "stage": name} for name, stage in stages],
            "notes": read_growing_jsonl(run.notes_file),
        }
        say_json(document)
        return 0
    info = run.info
    say(f"{line.id}  {line.recipe}  {line.state}  {line.message}".rstrip())
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(info.created_unix)) if info.created_unix else info.created
    say(f"folder   {run.path}\ncreated  {created} on {info.host}, steptune {info.steptune}")
    if line.progress:
        say(f"now      {line.progress}")
    for name, stage in stages:
        say(f"stage    {name:<18} {stage.state:<10} {headline_text(stage.headline)}".rstrip())
    if line.headline:
        say(f"numbers  {headline_text(line.headline)}")
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
            ring(f"steptune: {run.id} {run.state()}")
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


def note(args: argparse.Namespace) -> int:
    """Add a note to a run, or show its notes."""
    run = find_run(args.run)
    if args.text:
        run.add_note(args.text)
        return 0
    for row in run.notes():
        say(f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(row.time))}  {row.text}")
    return 0
