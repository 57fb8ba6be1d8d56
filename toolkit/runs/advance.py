"""Moving the queue on: whoever comes by starts what may start now. There is no process that waits in between.

The end of a run comes by, and every command that changes the queue. All of it happens under the queue's lock. A start
is two renames of the run's ticket: it is claimed under a token, then the supervisor that was given the token uses it up
while it holds the run's lock. A claim that is found under the queue's lock belongs to somebody who was killed; it is
taken back, and then that supervisor starts nothing any more. So no run starts twice, and none is forgotten.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from collections import Counter
from dataclasses import replace

from toolkit.machine.gpus import Gpu, card_environment
from toolkit.records import read_json, write_json
from toolkit.run_folder.documents import Command, Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.runs.slots import Slots
from toolkit.runs.spawn import SUPERVISOR_TIMEOUT_S, spawn_supervisor


def advance(queue: QueueFolder) -> list[RunFolder]:
    """Start the waiting runs for which there is room, in order. Returns those that were started.

    Raises:
        UsageError: the queue belongs to somebody else, or is held for too long.
        DiskFullError: there is no space to start a run; it goes on waiting.
    """
    if not queue.exists():
        return []
    with queue.locked():
        return advance_locked(queue)


def advance_locked(queue: QueueFolder) -> list[RunFolder]:
    """`advance` for who holds the lock already."""
    take_back_claims(queue)
    waiting = [(run, ticket) for run in queue.waiting() if (ticket := run.ticket) and may_start(run, ticket)]
    if not waiting:
        return []
    slots = Slots.read(queue, queue.open_runs(), [ticket for _, ticket in waiting])
    started: list[RunFolder] = []
    for run, ticket in waiting:
        got = slots.take(run, ticket)
        if got is None:
            continue
        if not _start(run, got, slots.cards):
            break  # what kept this one from starting would keep the next one as well
        started.append(run)
    return started


def ended(queue: QueueFolder) -> dict[str, int] | None:
    """How many runs ended in which state since the queue was last empty, once nothing waits that could start and none
    goes on; None before that, and where it was told already.
    """
    with queue.locked():
        since, open_runs = queue.document.since, queue.open_runs()
        if since is None or any(_goes_on(run) for run in open_runs):
            return None
        tickets = [(run, run.ticket) for run in queue.ended_runs() if run.used_ticket_file.exists()]
        found = [run.result for run, ticket in tickets if ticket and not ticket.submitted]
        states = Counter(str(result.state) for result in found if result and (result.ended_unix or 0.0) >= since)
        states.update(str(run.state()) for run in open_runs if (ticket := run.ticket) and not ticket.submitted)
        queue.write(replace(queue.document, since=None))
    return dict(states)


def _goes_on(run: RunFolder) -> bool:
    """Whether a run of the queue is at work, or waits for its start."""
    ticket = run.ticket
    if ticket is None or ticket.submitted:
        return False
    return may_start(run, ticket) if run.is_queued() else run.state().is_live


def may_start(run: RunFolder, ticket: Ticket) -> bool:
    """Whether it is for this user and this machine to start the run, and it is not held."""
    return not ticket.held and not ticket.submitted and not no_start(run)


def no_start(run: RunFolder) -> str:
    """Why this user on this machine never starts the run; "" where both are right."""
    host, owner = run.info.host, run.path.stat().st_uid
    if host not in (None, socket.gethostname()):
        return f"the machine {host}, on which it was queued"
    return f"user {owner}, who queued it" if owner != os.getuid() else ""


def take_back_claims(queue: QueueFolder) -> None:
    """Put the tickets of starts that did not happen back in their place; under the lock."""
    for run in queue.open_runs():
        claims = run.claimed_ticket_files()
        if not claims or no_start(run) or ((ticket := run.ticket) and ticket.submitted):
            continue
        for claim in claims:
            with contextlib.suppress(FileNotFoundError):  # its supervisor was quicker: the run goes on
                os.rename(claim, run.ticket_file)


def _start(run: RunFolder, ticket: Ticket, cards: tuple[Gpu, ...]) -> bool:
    got = tuple(card for card in cards if card.uuid in ticket.got)
    if got:
        command = Command.from_json(read_json(run.command_file) or {})
        environment = {**command.environment, **card_environment(got)}
        write_json(run.command_file, replace(command, environment=environment).to_json())
    write_json(run.ticket_file, ticket.to_json())
    token = secrets.token_hex(4)
    claim = run.claimed_ticket_file(token)
    os.rename(run.ticket_file, claim)
    supervisor = spawn_supervisor(run, token)
    deadline = time.monotonic() + SUPERVISOR_TIMEOUT_S
    while time.monotonic() < deadline and supervisor.poll() is None and claim.exists():
        time.sleep(0.01)
    try:
        os.rename(claim, run.ticket_file)
    except FileNotFoundError:
        return True
    return False
