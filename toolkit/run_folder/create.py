"""Making a run folder: run.json and config.yaml, in a folder that held nothing before."""

from __future__ import annotations

import getpass
import os
import platform
import secrets
import shutil
import socket
import subprocess
from datetime import datetime
from pathlib import Path

from toolkit import __version__
from toolkit.errors import UsageError
from toolkit.records import write_json, write_text
from toolkit.run_folder.documents import RunInfo
from toolkit.run_folder.find import runs_root
from toolkit.run_folder.folder import RunFolder


def create_run(
    recipe: str,
    config_yaml: str,
    run_dir: Path | None = None,
    parent: str | None = None,
    model: str | None = None,
    run_id: str | None = None,
) -> RunFolder:
    """A new run folder with config.yaml and run.json.

    Raises:
        UsageError: `run_dir` already holds a run or other files; those are left as they are.
    """
    run_id = run_id or new_id(recipe)
    path = run_dir.absolute() if run_dir else runs_root() / run_id
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir()
    except FileExistsError:
        _refuse_unless_empty(path)
    run = RunFolder(path)
    write_json(run.info_file, _run_info(recipe, run_id, parent, model).to_json())
    write_text(run.config_file, config_yaml)
    write_text(run.started_config_file, config_yaml)
    return run


def new_id(what: str) -> str:
    """An id that begins with the time, so that folders lie in the order in which they were made."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{what}-{secrets.token_hex(2)}"


def _refuse_unless_empty(path: Path) -> None:
    if not path.is_dir():
        raise UsageError(f"--run-dir {path} is a file; give a folder that is new or empty.")
    existing = RunFolder(path)
    if existing.exists():
        state = existing.state()
        advice = "follow it with `steptune logs -f`" if not state.is_over else "continue it with `steptune resume`"
        raise UsageError(
            f"--run-dir {path} already holds the run {existing.id} ({state}); {advice}, or give another folder."
        )
    if any(path.iterdir()):
        raise UsageError(f"--run-dir {path} holds other files; give a folder that is new or empty.")


def _run_info(recipe: str, run_id: str, parent: str | None, model: str | None) -> RunInfo:
    now = datetime.now().astimezone()
    return RunInfo(
        id=run_id,
        recipe=recipe,
        parent=parent,
        created=now.isoformat(timespec="seconds"),
        created_unix=round(now.timestamp(), 3),
        host=socket.gethostname(),
        cwd=os.getcwd(),
        steptune=__version__,
        python=platform.python_version(),
        git_commit=_git_commit(),
        model=model,
        user=_user(),
    )


def _user() -> str | None:
    """Who starts the run; None where the system has no name for it (a container's bare number)."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None


def _git_commit() -> str | None:
    """Commit of the steptune checkout, if it is one."""
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists() or shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "-C", str(source), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
