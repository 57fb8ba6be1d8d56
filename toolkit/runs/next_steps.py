"""A run that did not finish: what its state means, and what can be done about it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import STALLED_AFTER_S, RunFolder
from toolkit.run_folder.states import State
from toolkit.terminal.numbers import as_number, duration, number

Step = Literal["resume", "again", "log", "stop"]

_MEANINGS = {
    State.FAILED: "The recipe ended with an error. What it had saved by then is kept.",
    State.OUT_OF_MEMORY: "Memory ran out, the graphics card's or the machine's. What it had saved by then is kept.",
    State.CANCELLED: "It was stopped by somebody. What it had is saved.",
    State.LOST: (
        "Its supervisor is gone without a word: the machine was switched off, or all of its processes were ended. What"
        " it had saved by then is kept."
    ),
    State.STALLED: (
        f"It has written nothing for {duration(STALLED_AFTER_S)} or more, but its processes live: it may wait for a"
        " network, a disk, or another program."
    ),
    State.UNREADABLE: "Its files cannot be read: they may belong to somebody else, or be damaged.",
}
BATCH, ACCUMULATION = "per_device_train_batch_size", "gradient_accumulation_steps"


@dataclass(frozen=True)
class NextStep:
    """Something to do, in words; `changes` are options of a new run, as KEY=VALUE texts by key."""

    step: Step
    text: str
    changes: Mapping[str, str]


def meaning(state: State) -> str:
    """What a state says of a run; "" where it needs no explanation."""
    return _MEANINGS.get(state, "")


def next_steps(run: RunFolder, state: State) -> list[NextStep]:
    """What can be done about a run in that state, the likeliest first; [] where all is well."""
    if state is State.STALLED:
        return [NextStep("log", "look at the end of the log", {}), NextStep("stop", "stop it; it saves and ends", {})]
    if state not in _MEANINGS or state is State.UNREADABLE:
        return []
    changes = less_memory(read_config(run).flat) if state is State.OUT_OF_MEMORY else {}
    resume = NextStep("resume", f"resume {_place(run)}", {})
    options = " ".join(f"{key}={value}" for key, value in changes.items())
    text = f"new run with {options}" if changes else "new run with other settings"
    steps = [NextStep("again", text, changes), resume] if changes else [resume, NextStep("again", text, changes)]
    log = "the whole log" if state is State.CANCELLED else "the log, at the error"
    return [*steps, NextStep("log", log, {})]


def whole_message(run: RunFolder) -> str:
    """All that the run said at its end; "" where it said nothing or may not be read."""
    with contextlib.suppress(OSError, ValueError, RecursionError):  # damaged, or somebody else's
        if result := run.result:
            return result.message
    return ""


def less_memory(settings: Mapping[str, Any]) -> dict[str, str]:
    """Options that take less memory for the same optimiser steps: half of the rows at a time, twice as often; where it
    is one row already, activations that are computed again instead of kept, then shorter rows.
    """
    prefix = next((key.removesuffix(BATCH) for key in settings if key.endswith(BATCH)), None)
    if prefix is None:
        return {}
    rows, times = (as_number(settings.get(prefix + name)) for name in (BATCH, ACCUMULATION))
    if rows is not None and times is not None and rows >= 2:
        factor = 2 if rows % 2 == 0 else int(rows)
        return {prefix + BATCH: f"{rows / factor:g}", prefix + ACCUMULATION: f"{times * factor:g}"}
    if str(settings.get(f"{prefix}gradient_checkpointing")).lower() in ("false", "none", "0"):
        return {f"{prefix}gradient_checkpointing": "true"}
    length = as_number(settings.get(f"{prefix}max_length"))
    return {f"{prefix}max_length": f"{length // 2:g}"} if length is not None and length >= 128 else {}


def _place(run: RunFolder) -> str:
    """From where it would go on."""
    folders = [run, *run.stages()]
    steps = [
        step
        for folder in folders
        for event in folder.newest_events(65536)
        if event.name == EventName.CHECKPOINT_SAVED and (step := as_number(event.fields.get("step"))) is not None
    ]
    return f"from step {number(max(steps))}" if steps else "from what it saved"
