"""What the Follow screen shows of one run: its row, curves, hardware, events and the end of its log.

`poll` runs in the poller's thread and replaces `view`; the screen reads `view` and nothing else.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.catalog import recipe_of_run
from toolkit.records import JSON
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.next_steps import NextStep, next_steps, whole_message
from toolkit.runs.row import RunRow, read_row
from toolkit.runs.time_left import stage_times, whole_left
from toolkit.terminal.numbers import as_number, number
from toolkit.terminal.text import clean, clean_text
from toolkit.terminal.values import shown
from tui.logic.growing import GrowingJsonl
from tui.logic.log_file import LogFile
from tui.logic.series import Curves

LOG_TAIL = 60
MAX_EVENTS = 500
PIECE = 1 << 19
ROW_S = 0.95  # at least every second look of the poller


@dataclass(frozen=True)
class Event:
    """One line of events.jsonl for people: when, what, and a style."""

    time: float | None
    name: str
    text: str
    step: float | None = None


@dataclass(frozen=True)
class FeedView:
    """One look at a run. `subject` is the run itself or the stage of a pipeline that is shown."""

    row: RunRow
    subject: RunRow
    curves: Curves
    hardware: Curves
    gpus: tuple[JSON, ...] = ()
    events: tuple[Event, ...] = ()
    log: tuple[str, ...] = ()
    behind: int = 0
    unreadable: int = 0
    version: int = 0
    gone: bool = False
    message: str = ""  # all that a run that did not finish said at its end
    steps: tuple[NextStep, ...] = ()  # what can be done about it
    whole_left_s: float | None = None  # of a live pipeline

    @property
    def best_step(self) -> float | None:
        return _best_step(self.curves)


@dataclass
class _Readers:
    path: Path
    metrics: GrowingJsonl
    hardware: GrowingJsonl
    events: GrowingJsonl
    log: LogFile
    curves: Curves = field(default_factory=Curves)
    hardware_curves: Curves = field(default_factory=Curves)
    told: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    gpus: tuple[JSON, ...] = ()

    @classmethod
    def of(cls, path: Path) -> _Readers:
        run = RunFolder(path)
        metrics, hardware, events = map(GrowingJsonl, (run.metrics_file, run.hardware_file, run.events_file))
        return cls(path, metrics, hardware, events, LogFile(run.log_file))


class RunFeed:
    """Follows a run folder. A live pipeline is followed through its newest stage, an ended one through its training, or
    through the stage that `pin` names.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        row = read_row(path)
        self._row_read = time.monotonic()
        self.pinned: Path | None = None
        self._earlier: dict[str, float] | None = None  # seconds of an earlier pipeline's stages
        self._explained: State | None = None  # the state that message and steps are of
        self._message, self._steps = "", tuple[NextStep, ...]()
        self._readers = _Readers.of(self._subject(row).path)
        self.view = FeedView(row, self._subject(row), self._readers.curves, self._readers.hardware_curves)

    def pin(self, path: Path | None) -> None:
        self.pinned = path

    def close(self) -> None:
        self._readers.log.close()

    def poll(self) -> tuple[bool, bool]:
        """(changed, more): read the next piece of everything."""
        changed = self._read(self._readers)
        row = self._row(changed)
        subject = self._subject(row)
        if subject.path != self._readers.path:
            self.close()
            self._readers = _Readers.of(subject.path)
            changed = self._read(self._readers)
        readers = self._readers
        behind = readers.metrics.behind
        gone = not self.path.exists()
        if changed or (row, subject, gone) != (self.view.row, self.view.subject, self.view.gone):
            if row.state is not self._explained:
                self._explained = row.state
                run = RunFolder(self.path)
                self._message, self._steps = clean_text(whole_message(run)), tuple(next_steps(run, row.state))
            self.view = FeedView(
                row,
                subject,
                readers.curves,
                readers.hardware_curves,
                readers.gpus,
                tuple(readers.told),
                tuple(readers.log.tail(LOG_TAIL)),
                behind,
                readers.metrics.unreadable + readers.events.unreadable,
                self.view.version + 1,
                gone,
                self._message,
                self._steps,
                self._whole_left(row),
            )
            return True, behind > 0
        return False, behind > 0

    def _whole_left(self, row: RunRow) -> float | None:
        if not (row.live and row.stages):
            return None
        if self._earlier is None:
            self._earlier = stage_times(self.path, row.model)
        return whole_left(row, self._earlier)

    def _row(self, changed: bool) -> RunRow:
        """A row takes a dozen files: read again when something was written, else once a second."""
        now = time.monotonic()
        if changed or now - self._row_read >= ROW_S:
            self._row_read = now
            return read_row(self.path)
        return self.view.row

    def _subject(self, row: RunRow) -> RunRow:
        started = [stage for stage in row.stages if stage.state not in (State.WAITING, State.UNCHANGED)]
        if self.pinned is not None:
            return next((stage for stage in row.stages if stage.path == self.pinned), row)
        if not row.live:  # of a pipeline that is over: what went wrong, else the training, for it has curves
            if (bad := next((stage for stage in started if stage.state.is_bad), None)) is not None:
                return bad
            return next(
                (stage for stage in started if recipe_of_run(stage.recipe).trains), started[-1] if started else row
            )
        return started[-1] if started else row

    @staticmethod
    def _read(readers: _Readers) -> bool:
        generation = readers.metrics.generation
        rows = readers.metrics.read(PIECE)
        if readers.metrics.generation != generation:
            readers.curves = Curves()
        readers.curves.add(rows)
        samples = readers.hardware.read(PIECE)
        for sample in samples:
            gpus = sample.pop("gpus", None)
            if isinstance(gpus, list):
                readers.gpus = tuple(gpu for gpu in gpus if isinstance(gpu, dict))
                sample |= _of_all_cards(readers.gpus)
        readers.hardware_curves.add(samples)
        told = [event for event in map(describe, readers.events.read(PIECE)) if event is not None]
        readers.told.extend(told)
        return readers.log.refresh() or bool(rows or samples or told)


def _of_all_cards(gpus: tuple[JSON, ...]) -> JSON:
    """The fullest card's memory and the mean load, for the curves."""
    used = [mib / 1024 for gpu in gpus if (mib := as_number(gpu.get("memory_used_mib"))) is not None]
    busy = [share for gpu in gpus if (share := as_number(gpu.get("utilization_percent"))) is not None]
    memory = {"gpu_memory_gib": max(used)} if used else {}
    return memory | ({"gpu_percent": sum(busy) / len(busy)} if busy else {})


def describe(row: JSON) -> Event | None:
    """An event as people want to read it; None for what only machines care about."""
    name = str(row.get("event", ""))
    stage = clean(row.get("stage", ""))
    texts: dict[str, str] = {
        EventName.SUPERVISOR_STARTED: "supervisor started",
        EventName.STARTED: "recipe is up",
        EventName.STAGE_STARTED: f"{stage}: started",
        EventName.STAGE_SKIPPED: f"{stage}: unchanged, taken from {clean(row.get('run', '?'))}",
        EventName.STAGE_ENDED: f"{stage}: {clean(row.get('state', '?'))}",
        EventName.STAGE_SET_ASIDE: f"{stage}: {clean(row.get('message', ''))}",
        EventName.CHECKPOINT_SAVED: f"checkpoint at step {_plain(row.get('step'))}",
        EventName.EARLY_STOPPED: f"early stopping at step {_plain(row.get('step'))}",
        EventName.RESUMED: f"resumed after {clean(row.get('after', 'a stop'))}",
        EventName.STOP_ASKED: "stop asked: the recipe saves and ends",
        EventName.SUPERVISOR_GONE: "the supervisor is gone: the recipe saves and ends",
        EventName.ENDING_LEFTOVERS: "ending processes that the recipe left",
        EventName.WARNING: f"warning: {clean(row.get('message', ''))}",
        EventName.ENDED: (
            f"ended: {clean(row.get('kind', '?'))} {clean(str(row.get('message', '')).split(chr(10))[0])}".rstrip()
        ),
    }
    if not name:
        return None
    time_value, step = row.get("time"), row.get("step")
    fields = {key: value for key, value in row.items() if key not in ("time", "event")}
    other = clean(name.replace("_", " ")) + "".join(
        f" {clean(key)}={_plain(value)[:60]}" for key, value in list(fields.items())[:4]
    )
    return Event(
        as_number(time_value),
        clean(name),
        texts.get(name, other),
        as_number(step),
    )


def _plain(value: Any) -> str:
    return clean(shown(value)) if as_number(value) is None else number(value)


def _best_step(curves: Curves) -> float | None:
    """Where eval_loss was lowest so far."""
    series = curves.series.get("eval_loss")
    with contextlib.suppress(ValueError, AttributeError):
        return min(series.points(), key=lambda point: point[1])[0] if series and series.per_bucket == 1 else None
    return None
