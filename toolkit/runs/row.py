"""A run as one row of the lists that commands and screens show, read from its folder: whatever is missing, damaged or
not ours shows as such.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolkit.catalog import STAGE_NAMES, recipe_of_run
from toolkit.records import JSON, read_json
from toolkit.run_folder.documents import EventName, Note, Result, RunInfo
from toolkit.run_folder.folder import RunFolder, tail_jsonl
from toolkit.run_folder.labels import read_labels
from toolkit.run_folder.states import State
from toolkit.runs.phases import doing
from toolkit.runs.refusals import RunAsItIs
from toolkit.terminal.numbers import as_number, headline_text
from toolkit.terminal.text import clean

# Counters and clocks of a metrics line: they tell how far a run is, not how good.
# The newest learning rate is the schedule's; who asks for `learning_rate` means the setting.
NOT_NUMBERS = frozenset(
    {"time", "epoch", "done", "total", "total_steps", "eta_s", "unit_s", "stage", "phase", "learning_rate"}
)
_OWN_NUMBERS = {"loss": "loss", "step": "step", "speed": "speed", "eta": "eta_s"}
COLUMNS = ("id", "recipe", "state", "model", "stage", "phase", "user", "host", "tag", "pinned", "sweep")


@dataclass(frozen=True, slots=True)
class RunRow(RunAsItIs):
    """What is shown of a run. All texts are clean. `numbers`: every number of its result and of its newest metrics, by
    name; what stands in both is the result's.
    """

    created: float | None = None
    model: str = ""
    stage: str = ""
    phase: str = ""
    doing: str = ""  # of a live run: what it does, in words
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
    user: str = ""
    parent: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    pinned: bool = False
    notes: tuple[Note, ...] = ()
    worth_a_look: tuple[str, ...] = ()
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

    def number(self, name: str) -> float | None:
        """One of its numbers; some have a name of their own in the list."""
        if name in _OWN_NUMBERS and (value := getattr(self, _OWN_NUMBERS[name])) is not None:
            return float(value)
        return seconds_running(self) if name == "seconds" else self.numbers.get(name)

    def number_names(self) -> list[str]:
        """Of the numbers that it has."""
        own = [name for name, field_name in _OWN_NUMBERS.items() if getattr(self, field_name) is not None]
        return list(dict.fromkeys([*self.numbers, *own]))

    def column(self, name: str) -> list[Any]:
        """The values of one of COLUMNS: several for tags, mostly one."""
        if name == "tag":
            return list(self.tags)
        if name == "sweep":
            return [self.parent, self.parent.rpartition("-")[2]]  # whole, or by its last part
        return [getattr(self, name)]


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
    state, recipe, labels = State(clean(state)), clean(info.recipe), read_labels(run)
    values: dict[str, Any] = {
        "created": info.created_unix or _folder_time(path),
        "model": clean(info.model or ""),
        "host": clean(info.host or ""),
        "user": clean(info.user or ""),
        "parent": clean(info.parent or ""),
        "tags": labels.tags,
        "pinned": labels.pinned,
        "notes": tuple(run.notes()),
        "deep": deep or not state.is_ended,
    }
    if not found:
        values["message"] = "run.json is missing or damaged"
    if result:
        values |= _ending(result)
    if values["deep"]:
        values |= _newest_metrics(run, state, values.get("numbers", {}))
    if state.is_live:
        values["doing"] = doing(run, state, values["phase"])
    if recipe_of_run(recipe).stages and deep:
        values["stages"] = _stages(run, state.is_live)
        values["live_stage"] = next((stage.id for stage in values["stages"] if stage.state.is_live), "")
    return RunRow(path=path, id=clean(info.id), recipe=recipe, state=state, **values)


def _ending(result: Result) -> dict[str, Any]:
    return {
        "seconds": result.seconds,
        "peak_memory_gib": result.peak_memory_gib,
        "headline": headline_text(result.headline),
        "message": clean(result.message.split("\n")[0]),
        "loss": as_number(result.headline.get("eval_loss")),
        "numbers": _numbers({"seconds": result.seconds, "peak_memory_gib": result.peak_memory_gib, **result.headline}),
        "worth_a_look": tuple(map(clean, result.worth_a_look)),
    }


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    found = {sys.intern(clean(name)): as_number(value) for name, value in values.items() if name not in NOT_NUMBERS}
    return {name: value for name, value in found.items() if value is not None}


def _newest_metrics(run: RunFolder, state: State, of_result: Mapping[str, float]) -> dict[str, Any]:
    """What the last metrics lines say: how far the run is. An ended run has no speed or ETA any more."""
    merged: JSON = {}
    for line in tail_jsonl(run.metrics_file, 4096):
        merged.update({name: value for name, value in line.items() if value is not None})
    found: dict[str, Any] = {name: as_number(merged.get(name)) for name in ("done", "total", "step")}
    found |= {"phase": clean(merged.get("phase", "")), "stage": clean(merged.get("stage", ""))}
    if (loss := as_number(merged.get("loss"))) is not None:
        found["loss"] = loss
    if state.is_live:
        found |= {"eta_s": as_number(merged.get("eta_s")), "speed": as_number(merged.get("tokens_per_second"))}
    return {**found, "numbers": {**_numbers(merged), **of_result}}


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
