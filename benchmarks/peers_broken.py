"""Ten broken inputs of `make bench-peers`, the same for every peer in its own format, and what each makes of them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.peers_tools import Peer, Task, environment
from toolkit.records import JSON

LIMIT_S = 240.0
SAID = 200
Break = Callable[[Task, Path], Task | None]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[│╭╮╰╯─]")


def _row(task: Task, **changed: object) -> Task:
    """The third row changed; None takes the key away."""
    rows = [dict(row) for row in task.rows]
    for key, value in changed.items():
        if value is None:
            del rows[2][key]
        else:
            rows[2][key] = value
    return replace(task, rows=rows)


# A change of the task before it is written, or of the data file after it.
BEFORE: dict[str, Callable[[Task, Path], Task]] = {
    "a row without an answer": lambda task, scratch: _row(task, output=None),
    "an answer that is a list": lambda task, scratch: _row(task, output=["1. Open it.", "2. Close it."]),
    "an empty answer": lambda task, scratch: _row(task, output=""),
    "every row longer than the longest that is allowed": lambda task, scratch: replace(task, max_length=8),
    "an option with a letter left out": lambda task, scratch: replace(task, misspelt=True),
    "a model folder without weights": lambda task, scratch: replace(task, model=_without_weights(task.model, scratch)),
}
AFTER: dict[str, Callable[[Path], object]] = {
    "no such data file": lambda data: data.unlink(),
    "an empty data file": lambda data: data.write_bytes(b""),
    "a line cut in the middle": lambda data: data.write_bytes(data.read_bytes()[: data.stat().st_size // 2]),
    "UTF-16 as Excel writes it": lambda data: data.write_bytes(data.read_text(encoding="utf-8").encode("utf-16")),
}


def try_all(peer: Peer, task: Task, scratch: Path) -> dict[str, JSON]:
    """What the peer makes of each: `refused` with a sentence, `traceback`, `hangs`, or `trains` as if nothing were."""
    found = {}
    for number, what in enumerate([*BEFORE, *AFTER]):
        folder = scratch / f"{peer.package}-broken-{number}"
        folder.mkdir(parents=True)
        changed = BEFORE[what](task, scratch) if what in BEFORE else task
        commands = peer.write(changed, folder)
        if what in AFTER:
            AFTER[what](folder / peer.data_file)
        found[what] = _outcome(commands[-1], environment(peer), folder)
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _outcome(command: list[str], variables: dict[str, str], folder: Path) -> JSON:
    process = subprocess.Popen(
        command,
        env=variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"outcome": "hangs", "said": ""}
    lines = [line.strip() for line in ESCAPES.sub("", said).splitlines() if line.strip()]
    outcome = "trains" if process.returncode == 0 else "traceback" if "Traceback" in said else "refused"
    return {"outcome": outcome, "said": " ".join(lines[-2:])[-SAID:]}


def _without_weights(model: Path, scratch: Path) -> Path:
    """A copy of the model's folder with its configuration and tokenizer alone."""
    folder = scratch / "model-without-weights"
    if not folder.exists():
        folder.mkdir(parents=True)
        for file in model.iterdir():
            if file.is_file() and file.suffix in (".json", ".txt", ".jinja", ".model"):
                shutil.copy(file, folder)
    return folder
