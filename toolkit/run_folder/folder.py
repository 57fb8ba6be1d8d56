"""A run folder: its names, its documents, and the run's state as derived from them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from toolkit.records import JSON, append_jsonl, read_growing_jsonl, read_json
from toolkit.run_folder.documents import Event, Note, Processes, Progress, Result, RunInfo, Ticket
from toolkit.run_folder.states import State

# A run that has not been proven alive after this long was never started.
STARTING_S = 60.0
# A log, metric or event is due far more often than this in every stage.
STALLED_AFTER_S = 900.0
_CLAIM = "ticket.claimed-"
# What a stage's folder is renamed to when the pipeline runs it under other settings.
_SET_ASIDE = ".before-"
_STAGES, _NODES = "stages", "nodes"


@dataclass(frozen=True)
class RunFolder:
    """A run folder by its path; nothing is read before it is asked for. The only place that knows the names in it."""

    path: Path

    # Names ---------------------------------------------------------------------------------------------------

    @property
    def info_file(self) -> Path:
        return self.path / "run.json"

    @property
    def config_file(self) -> Path:
        return self.path / "config.yaml"

    @property
    def started_config_file(self) -> Path:
        """The config of the newest attempt; what was edited since is what differs."""
        return self.path / "config.started.yaml"

    @property
    def command_file(self) -> Path:
        return self.path / "command.json"

    @property
    def processes_file(self) -> Path:
        return self.path / "proc.json"

    @property
    def result_file(self) -> Path:
        return self.path / "result.json"

    @property
    def stage_file(self) -> Path:
        return self.path / "stage.json"

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def hardware_file(self) -> Path:
        return self.path / "hardware.jsonl"

    @property
    def notes_file(self) -> Path:
        return self.path / "notes.jsonl"

    @property
    def labels_file(self) -> Path:
        return self.path / "labels.json"

    @property
    def exchanges_file(self) -> Path:
        """Questions that people put to the run's model, with its answers."""
        return self.path / "asked.jsonl"

    @property
    def failures_file(self) -> Path:
        """Answers that a person wrote down as wrong."""
        return self.path / "failures.jsonl"

    @property
    def log_file(self) -> Path:
        return self.path / "log.txt"

    @property
    def lock_file(self) -> Path:
        return self.path / "run.lock"

    @property
    def checkpoint_request_file(self) -> Path:
        return self.path / "checkpoint.request"

    @property
    def ticket_file(self) -> Path:
        """There while the run waits in the queue."""
        return self.path / "ticket.json"

    @property
    def used_ticket_file(self) -> Path:
        """The ticket of a run that the queue has started."""
        return self.path / "ticket.used.json"

    @property
    def job_script_file(self) -> Path:
        """What was handed to sbatch."""
        return self.path / "job.sh"

    def claimed_ticket_file(self, token: str) -> Path:
        """The ticket of a run that is being started; the supervisor that was given the token may use it."""
        return self.path / f"{_CLAIM}{token}.json"

    def claimed_ticket_files(self) -> list[Path]:
        return list(self.path.glob(f"{_CLAIM}*.json"))

    @property
    def trashed_file(self) -> Path:
        """Where it was, while it is in the trash."""
        return self.path / "trashed.json"

    @property
    def records(self) -> tuple[Path, ...]:
        """The files with a line for whatever happened."""
        return self.metrics_file, self.hardware_file, self.events_file, self.notes_file

    def exists(self) -> bool:
        """Whether this is a run folder, however damaged its files are; one that may not be looked into counts."""
        try:
            return self.info_file.exists()
        except PermissionError:
            return True
        except OSError:  # the folder is going, or its disk
            return False

    def stage(self, name: str) -> RunFolder:
        """The folder of a pipeline's stage; it may not be there yet."""
        return RunFolder(self.path / _STAGES / name)

    def stages(self) -> list[RunFolder]:
        """The stages that were started, by name; those set aside since are not among them."""
        folders = sorted((self.path / _STAGES).glob("*"))
        return [RunFolder(path) for path in folders if RunFolder(path).exists() and _SET_ASIDE not in path.name]

    def live_stages(self) -> list[RunFolder]:
        """The stages whose supervisors live. They outlive a pipeline that was killed."""
        return [stage for stage in self.stages() if stage.is_locked()]

    @property
    def runs_root(self) -> Path:
        """The runs folder that it lies in; a stage's is that of its pipeline."""
        parent = self.path.absolute().parent
        return parent.parents[1] if parent.name == _STAGES and RunFolder(parent.parent).exists() else parent

    def set_aside(self) -> None:
        """Rename this stage's folder, to make room for the stage under other settings."""
        self.path.rename(self.path.with_name(f"{self.path.name}{_SET_ASIDE}{time.strftime('%Y%m%d-%H%M%S')}"))

    def node(self, rank: int) -> RunFolder:
        """Where another machine of the same training keeps its log and process record."""
        return RunFolder(self.path / _NODES / str(rank))

    # Documents -----------------------------------------------------------------------------------------------

    @property
    def info(self) -> RunInfo:
        return RunInfo.from_json(read_json(self.info_file) or {}, self.path.name)

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def recipe(self) -> str:
        return self.info.recipe

    @property
    def is_part(self) -> bool:
        """Whether it is a pipeline's stage, or another machine's part of a training."""
        return self.path.parent.name in (_STAGES, _NODES)

    @property
    def leader(self) -> RunFolder:
        """The first machine's run folder where several machines train together (toolkit.runs.nodes); otherwise this
        one.
        """
        return RunFolder(self.path.parents[1]) if self.path.parent.name == _NODES else self

    @property
    def result(self) -> Result | None:
        """None while the run has not ended."""
        found = read_json(self.result_file)
        return None if not found else Result.from_json(found)

    def output(self, name: str) -> Path | None:
        """Absolute path of an output that the result names; None without one."""
        return self.outputs().get(name)

    def outputs(self) -> dict[str, Path]:
        """Absolute path of each output by name; {} while the run has not finished, or where it may not be read."""
        with contextlib.suppress(OSError):
            if result := self.result:
                return {name: (self.path / output.path).resolve() for name, output in result.outputs.items()}
        return {}

    @property
    def processes(self) -> Processes:
        return Processes.from_json(read_json(self.processes_file) or {})

    @property
    def ticket(self) -> Ticket | None:
        """The ticket of a run that waits in the queue, or that the queue has started; None for others."""
        for file in (self.ticket_file, *self.claimed_ticket_files(), self.used_ticket_file):
            if (row := read_json(file)) is not None:
                return Ticket.from_json(row)
        return None

    def tear_up_ticket(self) -> None:
        """The run has nothing to do with the queue any more."""
        for file in (self.ticket_file, *self.claimed_ticket_files(), self.used_ticket_file):
            file.unlink(missing_ok=True)

    def is_queued(self) -> bool:
        """Whether its ticket is not used yet."""
        return self.ticket_file.exists() or bool(self.claimed_ticket_files())

    @property
    def stage_key(self) -> str | None:
        """The key of stage.json; None for a run that is no stage of a pipeline."""
        return (read_json(self.stage_file) or {}).get("key")

    @property
    def start_key(self) -> str | None:
        """The start key of stage.json; None for a run that is no stage of a pipeline."""
        return (read_json(self.stage_file) or {}).get("start_key")

    def events(self) -> list[Event]:
        return [Event.from_json(row) for row in read_growing_jsonl(self.events_file)]

    def newest_events(self, max_bytes: int) -> list[Event]:
        """The events in the last bytes of the file."""
        return [Event.from_json(row) for row in tail_jsonl(self.events_file, max_bytes)]

    def add_event(self, name: str, **fields: Any) -> None:
        append_jsonl(self.events_file, {"time": round(time.time(), 3), "event": name, **fields})

    def metrics(self) -> list[JSON]:
        """The lines of metrics.jsonl: time, and numbers by the names that the recipe gave them."""
        return read_growing_jsonl(self.metrics_file)

    def add_metric(self, **values: Any) -> None:
        append_jsonl(self.metrics_file, {"time": round(time.time(), 3), **values})

    def notes(self) -> list[Note]:
        return [Note.from_json(row) for row in read_growing_jsonl(self.notes_file)]

    def add_note(self, text: str) -> None:
        append_jsonl(self.notes_file, {"time": round(time.time(), 3), "text": text}, durable=True)
        os.utime(self.path)  # by which the screens see that an ended run has something new

    def attempts(self) -> int:
        """How often the run was ended and taken up again."""
        return len(list(self.path.glob("result.*.json")))

    def keep_earlier_result(self) -> None:
        """Make room for the result of another attempt."""
        if self.result_file.exists():
            os.replace(self.result_file, self.path / f"result.{self.attempts() + 1}.json")

    # State ---------------------------------------------------------------------------------------------------

    def is_locked(self) -> bool:
        """Whether a supervisor lives: it holds an exclusive lock on run.lock."""
        try:
            with self.lock_file.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def state(self) -> State:
        """What the result says; without one, what the supervisor's lock and the age of the files say."""
        if result := self.result:
            return result.state
        is_queued = self.is_queued()  # before the lock, for who uses the ticket holds it
        if self.is_locked():
            return State.STALLED if time.time() - self.last_sign_of_work() > STALLED_AFTER_S else State.RUNNING
        if is_queued:
            return State.QUEUED
        if result := self.result:  # it ended in between
            return result.state
        never_started = not self.processes_file.exists()
        return (
            State.STARTING
            if never_started and time.time() - (self.info.created_unix or 0.0) < STARTING_S
            else State.LOST
        )

    def last_sign_of_work(self) -> float:
        """When the recipe last wrote something, in seconds since 1970. The supervisor's own samples do not count."""
        times = [0.0]
        for path in (self.metrics_file, self.events_file, self.log_file):
            with contextlib.suppress(FileNotFoundError):
                times.append(path.stat().st_mtime)
        return max(times)

    def progress(self) -> Progress | None:
        """The newest metrics line that tells a phase; None before the first."""
        rows = reversed(tail_jsonl(self.metrics_file))
        return next((Progress.from_json(row) for row in rows if "phase" in row), None)


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


def lock_exclusively(run: RunFolder, wait_s: float = 3.0) -> IO[bytes] | None:
    """Take run.lock for this process's life; None if another supervisor holds it. Viewers hold it only briefly."""
    file = run.lock_file.open("ab")
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
