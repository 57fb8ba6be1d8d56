"""A run as one row of the list, read from its folder: whatever is missing, damaged or not ours shows as such."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolkit.catalog import STAGE_NAMES, recipe_of_run
from toolkit.records import JSON, read_json
from toolkit.run_folder.documents import EventName, Result, RunInfo
from toolkit.run_folder.folder import RunFolder, tail_jsonl
from toolkit.run_folder.states import State
from toolkit.runs.refusals import RunAsItIs
from toolkit.terminal.numbers import as_number, headline_text
from toolkit.terminal.text import clean

# State is never shown by colour alone: each has a sign and a word.
STATE_SIGNS = {
    State.RUNNING: ("●", "good"),
    State.STALLED: ("◌", "warn"),
    State.STARTING: ("◔", "accent"),
    State.QUEUED: ("○", "accent"),
    State.FINISHED: ("✓", "good"),
    State.FAILED: ("✗", "bad"),
    State.OUT_OF_MEMORY: ("✗", "bad"),
    State.CANCELLED: ("■", "warn"),
    State.LOST: ("?", "bad"),
    State.UNREADABLE: ("!", "bad"),
    State.WAITING: ("·", "dim"),
    State.UNCHANGED: ("=", "dim"),
}


@dataclass(frozen=True)
class RunRow(RunAsItIs):
    """What the screens show of a run. All texts are clean."""

    created: float | None = None
    model: str = ""
    stage: str = ""
    phase: str = ""
    done: float | None = None
    total: float | None = None
    step: float | None = None
    loss: float | None = None
    speed: float | None = None
    eta_s: float | None = None
    seconds: float | None = None
    peak_memory_gib: float | None = None
    headline: str = ""
    message: str = ""
    host: str = ""
    parent: str = ""
    stages: tuple[RunRow, ...] = field(default=())
    deep: bool = True  # whether the metrics were looked at

    @property
    def live(self) -> bool:
        return self.state.is_live

    @property
    def share(self) -> float | None:
        """Progress of the current phase, 0 to 1."""
        if not self.total or self.done is None:
            return None
        return min(1.0, max(0.0, self.done / self.total))

    def columns(self) -> JSON:
        """What a filter may name, by the names of the list's columns."""
        return {
            "id": self.id,
            "recipe": self.recipe,
            "state": self.state,
            "model": self.model,
            "stage": self.stage,
            "phase": self.phase,
            "step": self.step,
            "loss": self.loss,
            "speed": self.speed,
            "eta": self.eta_s,
            "seconds": self.seconds,
            "host": self.host,
        }


def read_row(path: Path, deep: bool = True) -> RunRow:
    """The row of a run folder; never raises. `deep` also reads the end of its metrics."""
    try:
        return _read_row(path, deep)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = (
            "no permission to read it"
            if isinstance(error, PermissionError)
            else f"its files cannot be read ({type(error).__name__})"
        )
        return RunRow(path, clean(path.name), "?", State.UNREADABLE, created=_folder_time(path), message=reason)


def _read_row(path: Path, deep: bool) -> RunRow:
    run = RunFolder(path)
    found, result = read_json(run.info_file), run.result
    info = RunInfo.from_json(found or {}, path.name)
    state = result.state if result else run.state()
    row = RunRow(
        path=path,
        id=clean(info.id),
        recipe=clean(info.recipe),
        state=State(clean(state)),
        created=info.created_unix or _folder_time(path),
        model=clean(info.model or ""),
        host=clean(info.host or ""),
        parent=clean(info.parent or ""),
        deep=deep or not state.is_ended,
    )
    if not found:
        row = replace(row, message="run.json is missing or damaged")
    if result:
        row = replace(row, **_ending(result))
    if deep or not state.is_ended:
        row = replace(row, **_newest_metrics(run, state))
    return replace(row, stages=_stages(run, row.live)) if recipe_of_run(row.recipe).stages and deep else row


def _ending(result: Result) -> dict[str, Any]:
    return {
        "seconds": result.seconds,
        "peak_memory_gib": result.peak_memory_gib,
        "headline": headline_text(result.headline),
        "message": clean(result.message.split("\n")[0]),
        "loss": as_number(result.headline.get("eval_loss")),
    }


def _newest_metrics(run: RunFolder, state: State) -> dict[str, Any]:
    """Of the last metrics lines: how far the run is. An ended run has no speed or ETA any more."""
    merged: JSON = {}
    for row in tail_jsonl(run.metrics_file, 4096):
        merged.update({name: value for name, value in row.items() if value is not None})
    found: dict[str, Any] = {name: as_number(merged.get(name)) for name in ("done", "total", "step")}
    found |= {"phase": clean(merged.get("phase", "")), "stage": clean(merged.get("stage", ""))}
    if (loss := as_number(merged.get("loss"))) is not None:
        found["loss"] = loss
    if state.is_live:
        found |= {"eta_s": as_number(merged.get("eta_s")), "speed": as_number(merged.get("tokens_per_second"))}
    return found


def _stages(run: RunFolder, pipeline_is_live: bool) -> tuple[RunRow, ...]:
    """A pipeline's stages in the order in which they run: those that ran, were taken from elsewhere, and are still to
    come.
    """
    ran = {stage.path.name: read_row(stage.path) for stage in run.stages()}
    skipped = {}
    for event in run.newest_events(65536):
        if event.name == EventName.STAGE_SKIPPED:
            skipped[clean(event.fields.get("stage", "?"))] = clean(event.fields.get("run", ""))
    rows = []
    for name in (*STAGE_NAMES, *sorted(set(ran) - set(STAGE_NAMES))):
        if name in ran:
            rows.append(replace(ran[name], stage=clean(name)))
        elif name in skipped:
            rows.append(
                RunRow(
                    Path(skipped[name]), name, name, State.UNCHANGED, stage=name, message=f"taken from {skipped[name]}"
                )
            )
        elif pipeline_is_live:
            rows.append(RunRow(run.stage(name).path, name, name, State.WAITING, stage=name))
    return tuple(rows)


def _folder_time(path: Path) -> float | None:
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime
    return None


def seconds_running(row: RunRow, now: float | None = None) -> float | None:
    """How long the run has taken or is taking."""
    if row.seconds is not None:
        return row.seconds
    return (
        None if row.created is None or not row.live else max(0.0, (time.time() if now is None else now) - row.created)
    )
