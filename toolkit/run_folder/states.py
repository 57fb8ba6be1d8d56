"""The states of a run, and what each allows. The values are what result.json, `--json` and the screens show."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The state of a run. The last three are a viewer's: no run records them of itself."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STALLED = "stalled"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OUT_OF_MEMORY = "out of memory"
    LOST = "lost"
    UNREADABLE = "unreadable"
    WAITING = "waiting"
    UNCHANGED = "unchanged"

    @classmethod
    def _missing_(cls, value: object) -> State:
        """A state that another version wrote keeps its word, and allows nothing."""
        unknown = str.__new__(cls, value)
        unknown._name_, unknown._value_ = "UNKNOWN", str(value)
        return unknown

    @property
    def short(self) -> str:
        """Its word where there is little room; filters know both."""
        return {State.OUT_OF_MEMORY: "no memory", State.UNREADABLE: "illegible"}.get(self, self.value)

    @property
    def is_live(self) -> bool:
        """Whether processes of the run are at work, as far as its folder tells. Only then can it save a checkpoint."""
        return self in (State.STARTING, State.RUNNING, State.STALLED)

    @property
    def is_running(self) -> bool:
        """Whether its supervisor lives."""
        return self in (State.RUNNING, State.STALLED)

    @property
    def is_ended(self) -> bool:
        """Whether the run said how it ended: it has a result.json."""
        return self in (State.FINISHED, State.FAILED, State.CANCELLED, State.OUT_OF_MEMORY)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes by itself: it ended, or it was lost. Only then can it be deleted."""
        return self.is_ended or self is State.LOST

    @property
    def is_bad(self) -> bool:
        """Whether somebody should look: it failed, was lost, or cannot be read."""
        return self in (State.FAILED, State.OUT_OF_MEMORY, State.LOST, State.UNREADABLE)

    @property
    def can_be_stopped(self) -> bool:
        """A lost run may have left processes behind; a queued one is taken out of the queue."""
        return self.is_live or self in (State.LOST, State.QUEUED)

    @property
    def can_be_resumed(self) -> bool:
        return self.is_over and self is not State.FINISHED
