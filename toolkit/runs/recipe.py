"""The frame around every recipe's `run.py`: read the config, run the chapters, say how it ended.

    if __name__ == "__main__":
        run_recipe(SftSettings, main)          # main(settings, run) -> Outcome

The recipe's last word is the `ended` event; the supervisor makes `result.json` from it and from the exit status.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from toolkit.errors import Cancelled, OutOfMemoryError, SteptuneError
from toolkit.runs.recorder import Recorder, is_main_process
from toolkit.settings.base import Settings
from toolkit.terminal.output import say_error

SettingsT = TypeVar("SettingsT", bound=Settings)
SUPERVISOR_CHECK_EVERY_S = 3.0


@dataclass(frozen=True)
class Outcome:
    """What a recipe hands back: outputs by name as paths inside the run folder, and the numbers for lists."""

    outputs: dict[str, Path]
    headline: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """The run as its recipe sees it: the folder to write into and the recorder."""

    dir: Path
    recorder: Recorder


def run_recipe(settings_type: type[SettingsT], main: Callable[[SettingsT, Run], Outcome]) -> None:
    """Run `main` with the config of the run folder and exit with the documented code.

    Expected errors become one sentence in the log and in the `ended` event; anything else keeps its traceback.
    """
    run_dir = _run_dir_argument()
    recorder = Recorder(run_dir if is_main_process() else None)
    signal.signal(signal.SIGTERM, lambda *_: setattr(recorder, "stop_requested", True))
    _stop_when_supervisor_is_gone(run_dir, recorder)
    try:
        settings = settings_type.model_validate(yaml.safe_load((run_dir / "config.yaml").read_text(encoding="utf-8")))
        recorder.event("started", pid=os.getpid())
        outcome = main(settings, Run(run_dir, recorder))
    except SteptuneError as error:
        _end(recorder, error)
    except BaseException as error:
        if known := _known_failure(error):
            _end(recorder, known)
        recorder.event("ended", kind="crash", message=f"{type(error).__name__}: {str(error)[:500]}", exit_code=1)
        traceback.print_exc()
        sys.exit(1)
    outputs = {name: os.path.relpath(path, run_dir) for name, path in outcome.outputs.items()}
    recorder.event("ended", kind="finished", outputs=outputs, headline=outcome.headline, exit_code=0)


def _run_dir_argument() -> Path:
    parser = argparse.ArgumentParser(description="A steptune recipe; start it with `steptune run`.")
    parser.add_argument("--run-dir", type=Path, required=True, help="run folder with a resolved config.yaml")
    run_dir: Path = parser.parse_args().run_dir
    return run_dir.resolve()


def _end(recorder: Recorder, error: SteptuneError) -> None:
    recorder.event("ended", kind=error.kind, message=str(error), exit_code=error.exit_code)
    say_error(str(error))
    sys.exit(error.exit_code)


def _known_failure(error: BaseException) -> SteptuneError | None:
    """Memory and disk running out, and Ctrl-C, under the names that users know; None for anything else."""
    if isinstance(error, KeyboardInterrupt):
        return Cancelled("The run was interrupted.")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return OutOfMemoryError(
            f"Out of memory ({str(error).splitlines()[0][:200] if str(error) else 'CPU'}); use a smaller batch, a"
            " shorter max_length or gradient checkpointing."
        )
    if isinstance(error, OSError) and error.errno in (28, 122):  # ENOSPC, EDQUOT
        return SteptuneError(
            f"No space left on the disk ({error.filename or 'run folder'}); free some and run `steptune resume` on this"
            " run."
        )
    return None


def _stop_when_supervisor_is_gone(run_dir: Path, recorder: Recorder) -> None:
    """Ask this process to stop once nobody holds run.lock: a run without a supervisor would never be recorded.

    The supervisor itself asks by SIGTERM; this is for a supervisor that was killed.
    """
    lock_path = run_dir / "run.lock"
    if os.environ.get("STEPTUNE_RUN_ID") is None or not lock_path.exists():
        return

    def watch() -> None:
        while not recorder.stop_requested:
            time.sleep(SUPERVISOR_CHECK_EVERY_S)
            with lock_path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    continue
            recorder.event("supervisor_gone")
            recorder.stop_requested = True

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()
