"""A queue of runs whose recipe is a few lines of Python: for the tests of the queue, and for its benchmark."""

from __future__ import annotations

import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

from toolkit.machine.processes import RUN_ID_VARIABLE
from toolkit.records import write_json
from toolkit.run_folder.create import create_run
from toolkit.run_folder.documents import Command, Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder

# Says when it starts and ends in a file that all runs of a test share, and finishes.
MARKS = """
    import json, os, pathlib, sys, time
    run = pathlib.Path(RUN_DIR)
    def mark(word):
        with (run.parent.parent / "marks.txt").open("a") as file:
            file.write(f"{word} {run.name} {os.getpid()} {time.time()}\\n")
    mark("start")
    time.sleep(SECONDS)
    mark("end")
    with (run / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": "ended", "kind": "finished", "outputs": {}, "headline": {"rows": 3}}) + "\\n")
"""


def put(
    queue: QueueFolder, name: str, script: str = MARKS, seconds: float = 0.2, ticket: Ticket | None = None
) -> RunFolder:
    """A run at the end of the queue, and nobody who starts it. Its recipe sees RUN_DIR and SECONDS."""
    run = create_run("sft", "seed: 1\n", queue.root / name)
    program = run.path / "recipe.py"
    head = f"RUN_DIR = {str(run.path)!r}\nSECONDS = {seconds}\n"
    program.write_text(head + textwrap.dedent(script), encoding="utf-8")
    command = Command([sys.executable, "-S", str(program)], str(run.path), {RUN_ID_VARIABLE: run.id}, "cpu")
    write_json(run.command_file, command.to_json())
    with queue.locked():
        given = ticket or Ticket()
        write_json(run.ticket_file, replace(given, queued_unix=time.time()).to_json())
        queue.write_order()
    return run


def marks(root: Path, word: str = "start") -> list[str]:
    """The names of the runs that have marked a word, in order."""
    file = root.parent / "marks.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line.split()[1] for line in lines if line.split()[0] == word]
