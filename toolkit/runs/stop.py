"""Stopping a run so that nothing of it is left: ask its supervisor; without one, end what carries the run's id, and the
stages that go on by themselves.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time

from toolkit.errors import EXIT_CANCELLED, SteptuneError, UsageError
from toolkit.machine.processes import descendants, find_process, send, tagged_with, wait_until_gone
from toolkit.records import write_json
from toolkit.run_folder.documents import Result
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.states import State
from toolkit.runs import slurm
from toolkit.runs.grace import KILL_GRACE_S, save_grace_s, stop_timeout_s, unit_s
from toolkit.runs.queue import drop
from toolkit.runs.refusals import RunAsItIs, require
from toolkit.terminal.numbers import duration


def stop_notice(run: RunFolder) -> str:
    """What a stop does next, for the person who asks for it; "" for a run whose work is done in short pieces."""
    longest = unit_s(run)
    if not longest:
        return ""
    return (
        f"It saves when the step that it is in is done (steps took up to {duration(longest)} so far). A second stop"
        " ends it at once, without that step."
    )


def ask_to_stop(run: RunFolder) -> None:
    """Send the request; `wait_until_ended` waits for its effect. A second request cuts the wait for a step short. A run
    that waits in the queue is taken out of it.

    Raises:
        UsageError: the run has ended, or it runs on another machine.
    """
    ticket = run.ticket
    if ticket and ticket.submitted:
        require(RunAsItIs.read(run).no_stop)
        slurm.stop(run)
        return
    if run.state() is State.QUEUED:
        drop(QueueFolder(run.path.parent), [run])
        return
    if not tagged_with(run.id) and not run.live_stages():  # an ended run may have left processes
        require(RunAsItIs.read(run).no_stop)
    host = run.info.host
    if host and host != socket.gethostname():
        raise UsageError(f"The run {run.id} belongs to the machine {host}; stop it there.")
    process = find_process(run.processes.supervisor)
    if process is not None and run.is_locked():
        process.send_signal(signal.SIGTERM)
    else:
        _end_without_supervisor(run)


def wait_until_ended(run: RunFolder) -> State:
    """The state in which the run ended. Raises SteptuneError if it has not ended in time."""
    timeout_s = stop_timeout_s(run)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if (state := run.state()).is_ended:
            return state
        time.sleep(0.1)
    raise SteptuneError(
        f"The run {run.id} did not end within {timeout_s:.0f} s; `steptune stop {run.id}` again, or look at `steptune"
        f" logs {run.id}`."
    )


def _end_without_supervisor(run: RunFolder) -> None:
    """The supervisor's duty for a run that lost it: SIGTERM, wait, SIGKILL, and a result that says so."""
    launcher = find_process(run.processes.child)
    processes = tagged_with(run.id)
    if launcher is not None:
        processes += [launcher, *descendants(launcher.pid)]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(launcher.pid, signal.SIGTERM)
    send(processes, signal.SIGTERM)
    left = wait_until_gone(processes, save_grace_s(run))
    send(left, signal.SIGKILL)
    wait_until_gone([*left, *tagged_with(run.id)], KILL_GRACE_S)
    for stage in run.live_stages():  # a pipeline's stages have supervisors of their own
        ask_to_stop(stage)
        wait_until_ended(stage)
    if run.result is None:
        message = f"Stopped after its supervisor was lost; `steptune resume {run.id}` continues it."
        result = Result(State.CANCELLED, EXIT_CANCELLED, message, ended_unix=time.time())
        write_json(run.result_file, result.to_json())
