"""The documents of a run folder as types. Reading is lenient field by field: viewers must survive damaged files.

What is written has the keys in the order of the fields; a value that does not apply is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from toolkit.records import JSON
from toolkit.run_folder.states import State
from toolkit.terminal.numbers import as_finite, as_number


class EventName(StrEnum):
    """The events that steptune itself looks for in events.jsonl; recipes write further ones."""

    SUPERVISOR_STARTED = "supervisor_started"
    SUPERVISOR_GONE = "supervisor_gone"
    STARTED = "started"
    STOP_ASKED = "stop_asked"
    STOP_CUT_SHORT = "stop_cut_short"
    STOPPED_BY_RULE = "stopped_by_rule"
    ENDING_LEFTOVERS = "ending_leftovers"
    ENDED = "ended"
    RESUMED = "resumed"
    CHECKPOINT_SAVED = "checkpoint_saved"
    EARLY_STOPPED = "early_stopped"
    STAGE_STARTED = "stage_started"
    STAGE_SKIPPED = "stage_skipped"
    STAGE_ENDED = "stage_ended"
    STAGE_SET_ASIDE = "stage_set_aside"
    WARNING = "warning"
    TAKEN_FOR = "taken_for"
    SERVING = "serving"


@dataclass(frozen=True)
class RunInfo:
    """run.json: what the run is and where it was made. `created` is ISO 8601, `created_unix` in seconds.

    `model`: the language model that the run trains or answers with; None where it does neither.
    """

    id: str
    recipe: str
    parent: str | None = None
    created: str | None = None
    created_unix: float | None = None
    host: str | None = None
    cwd: str | None = None
    steptune: str | None = None
    python: str | None = None
    git_commit: str | None = None
    model: str | None = None
    user: str | None = None

    @classmethod
    def from_json(cls, row: JSON, folder_name: str) -> RunInfo:
        """The folder's name stands in for a missing id, `?` for a missing recipe."""
        texts = {name: _text(row.get(name)) for name in cls.__dataclass_fields__ if name != "created_unix"}
        named = {"id": texts["id"] or folder_name, "recipe": texts["recipe"] or "?"}
        return cls(**{**texts, **named, "created_unix": as_finite(row.get("created_unix"))})  # type: ignore[arg-type]

    def to_json(self) -> JSON:
        return dict(vars(self))


@dataclass(frozen=True)
class Command:
    """command.json: what the supervisor starts, and the accelerate config (`on`) that it was planned for."""

    argv: list[str]
    cwd: str
    environment: dict[str, str]
    on: str

    @classmethod
    def from_json(cls, row: JSON) -> Command:
        """Strict: nothing can be started from a damaged command. Raises KeyError for what is missing."""
        return cls(row["argv"], row["cwd"], row["environment"], str(row.get("on", "")))

    def to_json(self) -> JSON:
        return dict(vars(self))


@dataclass(frozen=True)
class Ticket:
    """A run's place in the queue: what it waits for, and in the end what it got.

    `cards`: how many GPUs it asked for, 0 for a slot of the CPU. `may_take`: the UUIDs of the cards that it saw when it
    was queued; `got`: those that it was given. `shares`: it takes a card together with others that share, by
    `memory_mib`, the estimate for each of its cards. `slurm`: options for sbatch of a run that
    was submitted: it waits in Slurm's queue and not in this one.
    """

    cards: int = 0
    may_take: tuple[str, ...] = ()
    got: tuple[str, ...] = ()
    shares: bool = False
    memory_mib: int | None = None
    held: bool = False
    queued_unix: float = 0.0
    accelerate_args: tuple[str, ...] = ()
    submitted: bool = False
    slurm: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, row: JSON) -> Ticket:
        memory_mib, slurm = as_finite(row.get("memory_mib")), row.get("slurm")
        return cls(
            int(as_finite(row.get("cards")) or 0),
            _sentences(row.get("may_take")),
            _sentences(row.get("got")),
            row.get("shares") is True,
            None if memory_mib is None else int(memory_mib),
            row.get("held") is True,
            as_finite(row.get("queued_unix")) or 0.0,
            _sentences(row.get("accelerate_args")),
            isinstance(slurm, dict),
            {str(name): str(value) for name, value in slurm.items()} if isinstance(slurm, dict) else {},
        )

    def to_json(self) -> JSON:
        lists = {"may_take": list(self.may_take), "got": list(self.got), "accelerate_args": list(self.accelerate_args)}
        row = {**vars(self), **lists, "slurm": dict(self.slurm) if self.submitted else None}
        return {name: value for name, value in row.items() if name != "submitted" and value is not None}


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that can be distinguished from a later one with the same pid. `started` is in seconds since 1970."""

    pid: int
    started: float
    boot_id: str

    @classmethod
    def from_json(cls, row: object) -> ProcessIdentity | None:
        if not isinstance(row, dict) or not {"pid", "started", "boot_id"} <= row.keys():
            return None
        return cls(int(row["pid"]), float(row["started"]), str(row["boot_id"]))

    def to_json(self) -> JSON:
        return dict(vars(self))


@dataclass(frozen=True)
class Processes:
    """proc.json: the supervisor and the recipe that it started."""

    supervisor: ProcessIdentity | None
    child: ProcessIdentity | None

    @classmethod
    def from_json(cls, row: JSON) -> Processes:
        return cls(ProcessIdentity.from_json(row.get("supervisor")), ProcessIdentity.from_json(row.get("child")))

    def to_json(self) -> JSON:
        return {name: identity.to_json() if identity else None for name, identity in vars(self).items()}


@dataclass(frozen=True)
class Output:
    """A file or folder that a run made: `path` relative to the run folder, the hash of its contents (`sha256_tree`)."""

    path: str
    sha256: str = ""

    def to_json(self) -> JSON:
        return dict(vars(self))


@dataclass(frozen=True)
class Result:
    """result.json: how a run ended. `headline` holds the recipe's own numbers by name, `worth_a_look` sentences on what
    a careful person would look at; `kind` is the error's.
    """

    state: State
    exit_code: int
    message: str = ""
    kind: str | None = None
    signal: str | None = None
    outputs: Mapping[str, Output] = field(default_factory=dict)
    headline: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    peak_memory_gib: float | None = None
    ended_unix: float | None = None
    worth_a_look: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, row: JSON) -> Result:
        state = State(str(row.get("state", State.FAILED)))
        outputs, headline = row.get("outputs"), row.get("headline")
        found = {
            str(name): Output(output["path"], str(output.get("sha256", "")))
            for name, output in (outputs.items() if isinstance(outputs, dict) else ())
            if isinstance(output, dict) and isinstance(output.get("path"), str)
        }
        code = as_finite(row.get("exit_code"))
        seconds, peak_memory_gib, ended_unix = (
            as_number(row.get(name)) for name in ("seconds", "peak_memory_gib", "ended_unix")
        )
        return cls(
            state,
            int(code) if code is not None else int(state is not State.FINISHED),
            _text(row.get("message")) or "",
            _text(row.get("kind")),
            _text(row.get("signal")),
            found,
            headline if isinstance(headline, dict) else {},
            seconds,
            peak_memory_gib,
            ended_unix,
            _sentences(row.get("worth_a_look")),
        )

    def to_json(self) -> JSON:
        """With outputs and headline where the run finished, and with every other value that applies."""
        finished = self.state is State.FINISHED
        row: JSON = {
            "state": self.state.value,
            "kind": self.kind,
            "exit_code": self.exit_code,
            "message": self.message,
            "outputs": {name: output.to_json() for name, output in self.outputs.items()} if finished else None,
            "headline": dict(self.headline) if finished else None,
            "worth_a_look": list(self.worth_a_look) or None,
            "signal": self.signal,
            "seconds": self.seconds,
            "peak_memory_gib": self.peak_memory_gib,
            "ended_unix": self.ended_unix,
        }
        return {name: value for name, value in row.items() if value is not None}


@dataclass(frozen=True)
class StageKey:
    """stage.json: the pipeline's name for the stage, and the hash of everything that its outputs depend on; `start_key`
    leaves out the options under which a stage that was begun may go on.
    """

    stage: str
    key: str
    start_key: str

    def to_json(self) -> JSON:
        return dict(vars(self))


@dataclass(frozen=True)
class Event:
    """A line of events.jsonl; `time` in seconds since 1970, `fields` are those of the event."""

    name: str
    time: float
    fields: JSON

    @classmethod
    def from_json(cls, row: JSON) -> Event:
        fields = {key: value for key, value in row.items() if key not in ("time", "event")}
        return cls(str(row.get("event", "")), as_finite(row.get("time")) or 0.0, fields)


@dataclass(frozen=True)
class Ended:
    """The `ended` event: the recipe's last word. `outputs` are paths relative to the run folder."""

    kind: str
    exit_code: int
    message: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    headline: JSON = field(default_factory=dict)
    worth_a_look: tuple[str, ...] = ()

    FINISHED = "finished"

    @classmethod
    def from_event(cls, event: Event) -> Ended:
        row = event.fields
        code = int(row.get("exit_code", 1))
        return cls(
            row["kind"],
            code,
            row.get("message", ""),
            row.get("outputs") or {},
            row.get("headline") or {},
            _sentences(row.get("worth_a_look")),
        )

    @property
    def is_finished(self) -> bool:
        return self.kind == self.FINISHED


@dataclass(frozen=True)
class Progress:
    """A line of metrics.jsonl that tells a phase: `done` of `total` in the phase's own unit. `values`: the line.

    `unit_s`: seconds of the longest piece of work so far that is not left in the middle; None where it is short.
    """

    phase: str
    done: float
    total: float
    eta_s: float | None
    stage: str
    values: JSON

    @classmethod
    def from_json(cls, row: JSON) -> Progress:
        done, total = as_finite(row.get("done")) or 0.0, as_finite(row.get("total")) or 0.0
        return cls(
            _text(row.get("phase")) or "", done, total, as_finite(row.get("eta_s")), _text(row.get("stage")) or "", row
        )

    def number(self, name: str) -> float | None:
        """A metric of the line, for example loss."""
        return as_finite(self.values.get(name))

    @property
    def unit_s(self) -> float | None:
        return self.number("unit_s")


@dataclass(frozen=True)
class Labels:
    """labels.json: how people sorted the run, `pinned` keeps it on top of the lists."""

    tags: tuple[str, ...] = ()
    pinned: bool = False

    @classmethod
    def from_json(cls, row: JSON) -> Labels:
        tags = row.get("tags")
        return cls(tuple(map(str, tags)) if isinstance(tags, list) else (), row.get("pinned") is True)

    def to_json(self) -> JSON:
        return {"tags": list(self.tags), "pinned": self.pinned}


@dataclass(frozen=True)
class Note:
    """A line of notes.jsonl: what a person wrote about the run."""

    time: float
    text: str

    @classmethod
    def from_json(cls, row: JSON) -> Note:
        return cls(as_finite(row.get("time")) or 0.0, _text(row.get("text")) or "")


def _sentences(value: Any) -> tuple[str, ...]:
    return tuple(line for line in value if isinstance(line, str)) if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return None if value is None else str(value)
