"""Following a run from a terminal: one progress line per stage, what happened, how it ended. Only reads the folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from toolkit.records import JSON
from toolkit.run_folder.documents import EventName, Progress
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.phases import phase_words
from toolkit.terminal.live_line import LiveLine
from toolkit.terminal.numbers import amount, clock, headline_text

POLL_S = 0.3
# What a person following wants to read; the rest stays in events.jsonl.
_TOLD: dict[str, Callable[[JSON], str]] = {
    EventName.STARTED: lambda event: "recipe is up",
    EventName.STAGE_STARTED: lambda event: f"{event['stage']}: started",
    EventName.STAGE_SKIPPED: lambda event: f"{event['stage']}: unchanged, taken from {event['run']}",
    EventName.STAGE_ENDED: lambda event: (
        f"{event['stage']}: {event['state']} after {event.get('seconds') or 0:.0f} s{_headline(event.get('headline'))}"
    ),
    EventName.STAGE_SET_ASIDE: lambda event: f"{event['stage']}: {event.get('message', '')}",
    EventName.CHECKPOINT_SAVED: lambda event: f"checkpoint at step {event.get('step')}",
    EventName.TAKEN_FOR: lambda event: str(event.get("message", "")),
    EventName.EARLY_STOPPED: lambda event: f"early stopping at step {event.get('step')}",
    EventName.RESUMED: lambda event: "resumed",
    EventName.STOP_ASKED: lambda event: "stopping: the recipe saves and ends",
    EventName.STOPPED_BY_RULE: lambda event: str(event.get("message", "")),
    EventName.SUPERVISOR_GONE: lambda event: "the supervisor is gone; the recipe saves and ends",
}


class Follower:
    """Shows a run as it goes. On a terminal the newest progress is one line that is rewritten; elsewhere one line a
    tenth.
    """

    def __init__(self, run: RunFolder, out: TextIO | None = None) -> None:
        self.run = run
        self.line = LiveLine(out or sys.stderr)
        self._events_shown = 0
        self._last_tenth: tuple[Any, ...] = ()

    def follow(self, keep_going: Callable[[], bool] = lambda: True) -> State:
        """Show until the run has ended or `keep_going` says no; returns the state."""
        while True:
            state = self.run.state()
            self.show_news()
            if state.is_over or not keep_going():
                self.line.finish()
                return state
            time.sleep(POLL_S)

    def show_news(self) -> None:
        """Events since the last call, then the current progress."""
        events = self.run.events()
        for event in events[self._events_shown :]:
            if tell := _TOLD.get(event.name):
                self.line.say(tell(event.fields))
        self._events_shown = len(events)
        if progress := self.run.progress():
            self._show_progress(progress)

    def _show_progress(self, progress: Progress) -> None:
        if self.line.rewrites:
            self.line.show(describe_progress(progress))
            return
        tenth = (progress.stage, progress.phase, int(10 * progress.done / max(progress.total, 1)))
        if tenth != self._last_tenth:
            self._last_tenth = tenth
            self.line.say(describe_progress(progress))


def describe_progress(progress: Progress) -> str:
    """`sft training 12/60 20 % loss 1.93 eta 2:10` from a metrics line with a phase."""
    done, total = progress.done, progress.total
    parts = [
        progress.stage,
        phase_words(progress.phase),
        amount(progress.phase, done, total),
        f"{100 * done / total:3.0f} %" if total else "",
    ]
    parts += [
        f"{name} {value:.4g}"
        for name in ("loss", "eval_loss", "tokens_per_second")
        if (value := progress.number(name)) is not None
    ]
    if progress.eta_s is not None and done < total:
        parts.append(f"eta {clock(progress.eta_s)}")
    return " ".join(part for part in parts if part)


def _headline(headline: JSON | None) -> str:
    return f" ({headline_text(headline)})" if headline else ""
