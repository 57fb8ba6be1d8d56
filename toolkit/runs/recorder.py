"""What a recipe tells the world while it runs: metrics, events, progress, and whether it has been asked to stop.

Files in the run folder are the only channel. Only the main process of a run (rank 0) writes, but for the last word of a
process that fails.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from toolkit.errors import Cancelled
from toolkit.run_folder.folder import RunFolder

PROGRESS_EVERY_S = 1.0
LOADING = "loading the model"


class Recorder:
    """Writes a run's `metrics.jsonl` and `events.jsonl`.

    `Recorder(None)` writes nothing: for ranks other than 0 and for using a stage from Python without a run.
    """

    def __init__(self, run_dir: Path | None) -> None:
        self.run_dir = run_dir
        self.stop_requested = False
        self._last_progress_s = 0.0
        self._phase: tuple[str, float] = ("", 0.0)
        self._last_call_s = self._longest_s = 0.0

    def metric(self, **values: Any) -> None:
        """One line of metrics.jsonl, for example step, epoch, loss, learning_rate, tokens_per_second."""
        if self.run_dir is not None:
            RunFolder(self.run_dir).add_metric(**values)

    def event(self, name: str, **fields: Any) -> None:
        """One line of events.jsonl, for example `checkpoint_saved`, `resumed`."""
        if self.run_dir is not None:
            RunFolder(self.run_dir).add_event(name, **fields)

    def progress(self, phase: str, done: float, total: float, **fields: Any) -> None:
        """How far the current phase is, at most once a second apart from its first and last report.

        The ETA assumes that the rest goes at the phase's mean speed so far. The longest time between two reports of the
        phase goes along where it is a second or more: by it a stop knows how long to wait.
        """
        now = time.monotonic()
        is_new, self._last_call_s, last_call_s = phase != self._phase[0], now, self._last_call_s
        self._longest_s = 0.0 if is_new else max(self._longest_s, now - last_call_s)
        if is_new:
            self._phase = (phase, now)
        elif now - self._last_progress_s < PROGRESS_EVERY_S and done < total:
            return
        self._last_progress_s = now
        elapsed = now - self._phase[1]
        eta_s = round(elapsed / done * (total - done), 1) if done and elapsed > 0 else None
        if self._longest_s >= 1.0:
            fields["unit_s"] = round(self._longest_s, 1)
        self.metric(phase=phase, done=done, total=total, eta_s=eta_s, **fields)

    def begin(self, phase: str, done: float = 0, total: float = 0) -> None:
        """A piece of work that is not counted itself, such as loading a model; `done` and `total` are those of the
        phase that it interrupts, which goes on where it was.
        """
        unit = {"unit_s": round(self._longest_s, 1)} if self._longest_s >= 1.0 else {}
        self.metric(phase=phase, done=done, total=total, **unit)

    def check_stop(self) -> None:
        """Raise Cancelled if the run was asked to stop: call it where the work so far is safe."""
        if self.stop_requested:
            raise Cancelled("The run was asked to stop.")


def is_main_process() -> bool:
    """Whether this process is rank 0 of its run, by the environment that launchers set."""
    return int(os.environ.get("RANK", "0")) == 0
