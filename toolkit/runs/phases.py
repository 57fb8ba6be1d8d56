"""What a live run does, in words: the phases that recipes report, what comes before the first and after the last."""

from __future__ import annotations

import time

from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.grace import stop_timeout_s
from toolkit.terminal.numbers import duration
from toolkit.terminal.text import clean

# Phases that say themselves what they are ("loading the model") are not in it.
_WORDS = {
    "download": "fetching",
    "merge": "merging",
    "proof": "measuring the merge",
    "train": "training",
    "generate": "answering",
    "bootstrap": "drawing samples",
    "encode": "encoding",
    "score": "scoring",
    "judge": "judging",
    "contamination": "looking for known rows",
    "collect": "collecting",
    "clean": "cleaning",
    "deduplicate": "removing duplicates",
    "split": "splitting",
    "publish": "writing",
    "teach": "asking the teacher",
}
EVENTS_TAIL = 8192


def phase_words(phase: str) -> str:
    """A phase as people say it."""
    return _WORDS.get(phase, phase)


def doing(run: RunFolder, state: State, phase: str) -> str:
    """What a live run does at the moment; `phase` is the newest that its metrics tell, "" before the first."""
    if state is State.STARTING:
        return state.value
    is_up = False
    for event in reversed(run.newest_events(EVENTS_TAIL)):
        if event.name in (EventName.STOP_ASKED, EventName.SUPERVISOR_GONE):
            left_s = stop_timeout_s(run) - (time.time() - event.time)
            return f"stopping (up to {duration(left_s)})" if left_s > 0 else "stopping"
        if event.name == EventName.STARTED:
            is_up = True
            break
        if event.name == EventName.SUPERVISOR_STARTED:
            return "importing"
    if phase:
        return clean(phase_words(phase))
    return "preparing" if is_up else "importing"
