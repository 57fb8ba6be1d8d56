"""How a run's state is shown: by a sign and a word, never by colour alone."""

from __future__ import annotations

from toolkit.run_folder.states import State
from toolkit.runs.row import RunRow

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


def sign_of(row: RunRow) -> tuple[str, str]:
    """The sign and its style. A run that finished with something that a careful person would look at is not simply
    good.
    """
    if row.state is State.FINISHED and row.worth_a_look:
        return "!", "warn"
    return STATE_SIGNS.get(row.state, ("?", "dim"))
