"""The run folder: the only thing that a run and its viewers share, and the run's state as derived from it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from toolkit import __version__
from toolkit.errors import UsageError
from toolkit.records import JSON, append_jsonl, read_growing_jsonl, read_json, write_json, write_text

# A run that has not been proven alive after this long was never started.
STARTING_S = 60.0
# A log, metric or event is due far more often than this in every stage.
STALLED_AFTER_S = 900.0
ENDED_STATES = ("finished", "failed", "cancelled", "out of memory")


@dataclass(frozen=True)
class RunFolder:
    """A run folder by its path; nothing is read before it is asked for."""

    path: Path

    @property
    def info(self) -> JSON:
        """run.json: recipe, id, created, host, versions; {} while it is not there."""
        return read_json(self.path / "run.json") or {}

    @property
    def id(self) -> str:
        return str(self.info.get("id", self.path.name))

    @property
    def recipe(self) -> str:
        return str(self.info.get("recipe", "?"))

    @property
    def leader(self) -> RunFolder:
        """The first machine's run folder where several machines train together (toolkit.runs.nodes); otherwise this
        one.
        """
        return RunFolder(self.path.parents[1]) if self.path.parent.name == "nodes" else self

    @property
    def result(self) -> JSON | None:
        return read_json(self.path / "result.json")

    @property
    def processes(self) -> JSON:
        """proc.json: identities of supervisor and child."""
        return read_json(self.path / "proc.json") or {}

    def events(self) -> list[JSON]:
        return read_growing_jsonl(self.path / "events.jsonl")

    def metrics(self) -> list[JSON]:
        return read_growing_jsonl(self.path / "metrics.jsonl")

    def add_event(self, name: str, **fields: Any) -> None:
        append_jsonl(self.path / "events.jsonl", {"time": round(time.time(), 3), "event": name, **fields})

    def is_locked(self) -> bool:
        """Whether a supervisor lives: it holds an exclusive lock on run.lock."""
        try:
            with (self.path / "run.lock").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def state(self) -> str:
        """finished, failed, cancelled, out of memory; running, stalled, starting; or lost."""
        if result := self.result:
            return str(result.get("state", "failed"))
        if self.is_locked():
            return "stalled" if time.time() - self.last_sign_of_work() > STALLED_AFTER_S else "running"
        created = self.info.get("created_unix", 0.0)
        never_started = not (self.path / "proc.json").exists()
        return "starting" if never_started and time.time() - created < STARTING_S else "lost"

    def last_sign_of_work(self) -> float:
        """When the recipe last wrote something, in seconds since 1970. The supervisor's own samples do not count."""
        times = [0.0]
        for name in ("metrics.jsonl", "events.jsonl", "log.txt"):
            with contextlib.suppress(FileNotFoundError):
                times.append((self.path / name).stat().st_mtime)
        return max(times)

    def progress(self) -> JSON:
        """The newest metrics line that tells a phase; {} before the first."""
        return next((row for row in reversed(tail_jsonl(self.path / "metrics.jsonl")) if "phase" in row), {})


def tail_jsonl(path: Path, max_bytes: int = 16384) -> list[JSON]:
    """The complete objects in the last bytes of a growing JSONL file."""
    from json import loads

    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - max_bytes))
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    rows = []
    for line in lines[(1 if size > max_bytes else 0) : -1]:
        with contextlib.suppress(ValueError):
            row = loads(line)
            if isinstance(row, dict):
                rows.append(row)
    return rows


def lock_exclusively(path: Path, wait_s: float = 3.0) -> IO[bytes] | None:
    """Take run.lock for this process's life; None if another supervisor holds it. Viewers hold it only briefly."""
    file = (path / "run.lock").open("ab")
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except OSError:
            if time.monotonic() > deadline:
                file.close()
                return None
            time.sleep(0.05)


def runs_root() -> Path:
    """`$STEPTUNE_RUNS`, or `runs` in the current folder."""
    return Path(os.environ.get("STEPTUNE_RUNS") or "runs").absolute()


def create_run(recipe: str, config_yaml: str, run_dir: Path | None = None, parent: str | None = None) -> RunFolder:
    """A new run folder with config.yaml and run.json.

    Raises:
        UsageError: `run_dir` already holds a run or other files; those are left as they are.
    """
    run_id = f"{datetime.now():%Y%m%d-%H%M%S}-{recipe}-{secrets.token_hex(2)}"
    path = run_dir.absolute() if run_dir else runs_root() / run_id
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir()
    except FileExistsError:
        _refuse_unless_empty(path)
    write_json(path / "run.json", _run_info(recipe, run_id, parent))
    write_text(path / "config.yaml", config_yaml)
    return RunFolder(path)


def _refuse_unless_empty(path: Path) -> None:
    if not path.is_dir():
        raise UsageError(f"--run-dir {path} is a file; give a folder that is new or empty.")
    existing = RunFolder(path)
    if (path / "run.json").exists():
        state = existing.state()
        advice = (
            "follow it with `steptune logs -f`"
            if state in ("running", "stalled", "starting")
            else "continue it with `steptune resume`"
        )
        raise UsageError(
            f"--run-dir {path} already holds the run {existing.id} ({state}); {advice}, or give another folder."
        )
    if any(path.iterdir()):
        raise UsageError(f"--run-dir {path} holds other files; give a folder that is new or empty.")


def _run_info(recipe: str, run_id: str, parent: str | None) -> JSON:
    now = datetime.now().astimezone()
    return {
        "id": run_id,
        "recipe": recipe,
        "parent": parent,
        "created": now.isoformat(timespec="seconds"),
        "created_unix": round(now.timestamp(), 3),
        "host": socket.gethostname(),
        "cwd": os.getcwd(),
        "steptune": __version__,
        "python": platform.python_version(),
        "git_commit": _git_commit(),
    }


def _git_commit() -> str | None:
    """Commit of the steptune checkout, if it is one."""
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists() or shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "-C", str(source), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def list_runs(root: Path | None = None) -> list[RunFolder]:
    """The runs of the runs folder, newest first; stages of a pipeline are inside their pipeline and not listed here."""
    base = root or runs_root()
    found = [RunFolder(path.parent) for path in base.glob("*/run.json")]
    return sorted(found, key=lambda run: run.path.name, reverse=True)


def find_run(name: str) -> RunFolder:
    """The run of that id, unique part of an id, `latest`, `PIPELINE/STAGE`, or path.

    Raises:
        UsageError: none or several match.
    """
    if (Path(name) / "run.json").exists():
        return RunFolder(Path(name).absolute())
    runs = list_runs()
    if name == "latest" and runs:
        return runs[0]
    run_part, _, stage = name.partition("/")
    matches = [run for run in runs if run_part in (run.id, run.path.name)] or [
        run for run in runs if run_part and run_part in run.id
    ]
    if len(matches) > 1:
        raise UsageError(
            f"{name!r} fits {len(matches)} runs ({', '.join(run.id for run in matches[:3])} ...); give more of the id."
        )
    if not matches:
        raise UsageError(
            f"There is no run {name!r} in {runs_root()}; `steptune runs` lists them, and a path of a run folder works"
            " as well."
        )
    if stage and not (matches[0].path / "stages" / stage / "run.json").exists():
        stages = sorted(path.parent.name for path in matches[0].path.glob("stages/*/run.json"))
        raise UsageError(f"The run {matches[0].id} has no stage {stage!r}; it has: {', '.join(stages) or 'none yet'}.")
    return RunFolder(matches[0].path / "stages" / stage) if stage else matches[0]
