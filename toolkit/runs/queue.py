"""The queue of a runs folder as commands and screens see and change it: what waits, for what, and in which order."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.errors import EXIT_CANCELLED, UsageError
from toolkit.records import write_json
from toolkit.run_folder.documents import Result, Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.states import State
from toolkit.runs.advance import advance_locked, no_start, take_back_claims
from toolkit.runs.slots import Slots


@dataclass(frozen=True)
class Waiting:
    """A run of the queue at its place, from 1 on. `waits_for` says in words what keeps it from starting; "" where
    nothing does but that nobody came by.
    """

    place: int
    run: RunFolder
    ticket: Ticket
    waits_for: str


def waiting(queue: QueueFolder) -> list[Waiting]:
    """What waits, the next one first. Only reads."""
    runs = [(run, ticket) for run in queue.waiting() if (ticket := run.ticket)]
    if not runs:
        return []
    slots = Slots.read(queue, queue.open_runs(), [ticket for _, ticket in runs])
    return [Waiting(place, run, ticket, _waits_for(run, ticket, slots)) for place, (run, ticket) in enumerate(runs, 1)]


def going_on(queue: QueueFolder) -> list[RunFolder]:
    """The runs of the folder that are at work now, whoever started them."""
    return [run for run in queue.open_runs() if run.state().is_live]


def _waits_for(run: RunFolder, ticket: Ticket, slots: Slots) -> str:
    if ticket.held:
        return "its release (held)"
    if reason := no_start(run):
        return reason
    return "" if slots.take(run, ticket) else slots.why(ticket)


def move(queue: QueueFolder, run: RunFolder, by: int | None) -> int:
    """`by` places up (-1) or down (1); None: to the front. Returns the new place, from 1 on."""
    with queue.locked():
        names = [each.path.name for each in changeable(queue, run)]
        at = names.index(run.path.name)
        names.pop(at)
        place = 0 if by is None else max(0, min(len(names), at + by))
        names.insert(place, run.path.name)
        queue.write(replace(queue.document, order=tuple(names)))
        advance_locked(queue)
    return place + 1


def hold(queue: QueueFolder, runs: Sequence[RunFolder], held: bool) -> None:
    """Held runs keep their place and are not started until they are released."""
    with queue.locked():
        for run in runs:
            changeable(queue, run)
            if ticket := run.ticket:
                write_json(run.ticket_file, replace(ticket, held=held).to_json())
        advance_locked(queue)


def drop(queue: QueueFolder, runs: Sequence[RunFolder]) -> None:
    """Take runs out of the queue: they are cancelled, their folders stay."""
    with queue.locked():
        for run in runs:
            changeable(queue, run)
            message = (
                f"Taken out of the queue; `steptune resume {run.id}` starts it, with --queue at the end of the queue."
            )
            result = Result(State.CANCELLED, EXIT_CANCELLED, message, ended_unix=round(time.time(), 3))
            write_json(run.result_file, result.to_json())
            run.tear_up_ticket()
        queue.write_order()
        advance_locked(queue)


def set_slots(queue: QueueFolder, slots: int) -> None:
    """How many runs without a GPU go on at once on each machine."""
    with queue.locked():
        queue.write(replace(queue.document, slots=slots))
        advance_locked(queue)


def changeable(queue: QueueFolder, run: RunFolder) -> list[RunFolder]:
    """What waits, with this run among it; under the lock. Raises UsageError where it does not wait (any more)."""
    require_inside(queue, run.path)
    take_back_claims(queue)
    found = queue.waiting()
    if (ticket := run.ticket) and ticket.submitted and run.is_queued():
        raise UsageError(f"The run {run.id} waits in Slurm's queue; `steptune stop` takes it out, `scontrol` moves it.")
    if run not in found:
        raise UsageError(f"The run {run.id} does not wait in the queue; it is {run.state()}.")
    if run.path.stat().st_uid != os.getuid():
        raise UsageError(f"The run {run.id} was queued by another user, who alone changes it.")
    return found


def require_inside(queue: QueueFolder, path: Path) -> None:
    if path.parent != queue.root:
        raise UsageError(
            f"{path} does not lie in the runs folder {queue.root}, whose queue this is; leave --run-dir out, or set"
            f" STEPTUNE_RUNS={path.parent}."
        )
