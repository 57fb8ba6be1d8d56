"""The frame around every recipe's `run.py`: read the config, run the recipe's stages, report how it ended.

    if __name__ == "__main__":
        run_recipe(SftSettings, main)          # main(settings, run) -> Outcome

The recipe's last word is the `ended` event; the supervisor makes `result.json` from it and from the exit status.
"""

from __future__ import annotations

import argparse
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

from toolkit.config import load_resolved
from toolkit.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    Cancelled,
    DiskFullError,
    OutOfMemoryError,
    PreflightError,
    SteptuneError,
)
from toolkit.machine.gpus import PROMISED_VARIABLE, VISIBLE_VARIABLE, my_gpus
from toolkit.machine.processes import RUN_ID_VARIABLE
from toolkit.permissions import keep_others_from_writing
from toolkit.records import JSON, is_disk_full
from toolkit.run_folder.documents import Ended, EventName
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.recorder import Recorder, is_main_process
from toolkit.settings.base import Settings
from toolkit.terminal.output import say_error

SettingsT = TypeVar("SettingsT", bound=Settings)
SUPERVISOR_CHECK_EVERY_S = 3.0


@dataclass(frozen=True)
class Outcome:
    """What a recipe returns: outputs by name as paths inside the run folder, the numbers for lists, and what a careful
    person would look at, a sentence each.
    """

    outputs: dict[str, Path]
    headline: dict[str, Any] = field(default_factory=dict)
    worth_a_look: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """The run as its recipe sees it: the folder to write into and the recorder."""

    dir: Path
    recorder: Recorder


def run_recipe(settings_type: type[SettingsT], main: Callable[[SettingsT, Run], Outcome]) -> None:
    """Run `main` with the config of the run folder and exit with the documented code.

    Expected errors become one sentence in the log and in the `ended` event; anything else keeps its traceback.
    """
    keep_others_from_writing()
    run_dir = _run_dir_argument()
    folder = RunFolder(run_dir)
    recorder = Recorder(run_dir if is_main_process() else None)
    signal.signal(signal.SIGTERM, lambda *_: setattr(recorder, "stop_requested", True))
    _stop_when_supervisor_is_gone(folder, recorder)
    try:
        settings = load_resolved(settings_type, folder.config_file)
        if is_main_process():
            require_promised_gpus()
        recorder.event(EventName.STARTED, pid=os.getpid())
        outcome = main(settings, Run(run_dir, recorder))
    except SteptuneError as error:
        _end(folder, error)
    except BaseException as error:
        if known := _known_failure(error):
            _end(folder, known)
        message = f"{type(error).__name__}: {str(error)[:500]}"
        folder.add_event(EventName.ENDED, kind="crash", message=message, exit_code=EXIT_FAILED)
        traceback.print_exc()
        sys.exit(EXIT_FAILED)
    outputs = {name: os.path.relpath(path, run_dir) for name, path in outcome.outputs.items()}
    ended: JSON = {"outputs": outputs, "headline": outcome.headline}
    ended |= {"worth_a_look": outcome.worth_a_look} if outcome.worth_a_look else {}
    recorder.event(EventName.ENDED, kind=Ended.FINISHED, exit_code=EXIT_DONE, **ended)


def require_promised_gpus() -> None:
    """Raise PreflightError if a card that the launch was planned for is not visible any more."""
    promised = [uuid for uuid in os.environ.get(PROMISED_VARIABLE, "").split(",") if uuid]
    if not promised:
        return
    found = my_gpus()
    if gone := [uuid for uuid in promised if uuid not in {card.uuid for card in found.cards}]:
        seen = ", ".join(f"{card.name} ({card.uuid})" for card in found.cards) or found.problem or "no GPU"
        raise PreflightError(
            f"{', '.join(gone)} was there when this run was planned and is not visible now (found: {seen};"
            f" CUDA_VISIBLE_DEVICES={os.environ.get(VISIBLE_VARIABLE)}). `nvidia-smi` and the kernel's log say why;"
            " then `steptune resume`, which takes the cards that are there."
        )


def _run_dir_argument() -> Path:
    parser = argparse.ArgumentParser(description="A steptune recipe; start it with `steptune run`.")
    parser.add_argument("--run-dir", type=Path, required=True, help="run folder with a resolved config.yaml")
    run_dir: Path = parser.parse_args().run_dir
    return run_dir.resolve()


def _end(folder: RunFolder, error: SteptuneError) -> None:
    """The last word of any process of the run: the one whose memory runs out need not be the first."""
    folder.add_event(EventName.ENDED, kind=error.kind, message=str(error), exit_code=error.exit_code)
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
    if "CUDA-capable device(s) is/are busy or unavailable" in str(error):
        return PreflightError(
            "The GPU is in exclusive mode and another process holds it (`nvidia-smi` shows which); wait for that"
            " process or choose another card with CUDA_VISIBLE_DEVICES, then `steptune resume`."
        )
    if isinstance(error, OSError) and is_disk_full(error):
        place = error.filename or "run folder"
        return DiskFullError(f"No space left on the disk ({place}); free some and run `steptune resume` on this run.")
    return None


def _stop_when_supervisor_is_gone(run: RunFolder, recorder: Recorder) -> None:
    """Ask this process to stop once nobody holds run.lock: a run without a supervisor would never be recorded.

    The supervisor itself asks by SIGTERM; this is for a supervisor that was killed.
    """
    if os.environ.get(RUN_ID_VARIABLE) is None or not run.lock_file.exists():
        return

    def watch() -> None:
        while not recorder.stop_requested:
            time.sleep(SUPERVISOR_CHECK_EVERY_S)
            if not run.is_locked():
                recorder.event(EventName.SUPERVISOR_GONE)
                recorder.stop_requested = True

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()
