"""A run as a job of Slurm: its batch script is the run's supervisor, on the machine that Slurm chooses.

The job has the run's id for a name, by which it is found again. The folder says all else, as for every run: it must
lie where both machines see it. `--signal` asks the supervisor a minute before the job's time is over, so that the run
saves.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from toolkit.errors import EXIT_CANCELLED, PreflightError, UsageError
from toolkit.machine.gpus import PROMISED_VARIABLE, VISIBLE_VARIABLE
from toolkit.records import read_json, write_json, write_text
from toolkit.run_folder.documents import Command, Result, Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State

TIMEOUT_S = 60.0
SIGNAL_BEFORE_S = 60
# What the script itself decides.
_FIXED = ("job-name", "output", "error", "open-mode", "signal", "chdir", "parsable", "wait", "array", "requeue")


@dataclass(frozen=True)
class Job:
    """A job as squeue shows it: `PENDING` with its reason, `RUNNING`, `COMPLETING`."""

    id: str
    state: str
    reason: str = ""

    def __str__(self) -> str:
        reason = f", {self.reason}" if self.reason not in ("", "None") else ""
        return f"Slurm's job {self.id}: {self.state.lower()}{reason}"


def parse_options(given: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` or `NAME` as options of sbatch. Raises UsageError for what cannot be one."""
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        name = name.removeprefix("--")
        if not re.fullmatch(r"[a-z][a-z-]+", name) or any(ord(letter) < 32 for letter in value):
            raise UsageError(
                f"--slurm {text}: expected an option of sbatch, for example partition=gpu or time=08:00:00."
            )
        if name in _FIXED:
            raise UsageError(f"--slurm {text}: steptune sets {name} itself; leave it out.")
        found[name] = value
    return found


def submit(run: RunFolder, ticket: Ticket) -> str:
    """Hand a run to sbatch; returns the job's number. Its command is planned when the job starts.

    Raises:
        PreflightError: there is no sbatch, or it refuses; the run does not wait then.
    """
    command = Command.from_json(read_json(run.command_file) or {})
    dropped = (PROMISED_VARIABLE, VISIBLE_VARIABLE)  # Slurm gives the cards
    environment = {name: value for name, value in command.environment.items() if name not in dropped}
    write_json(run.command_file, replace(command, environment=environment).to_json())
    token = secrets.token_hex(4)
    write_text(run.job_script_file, script(run, token, command.cwd, ticket.slurm))
    claim = run.claimed_ticket_file(token)
    write_json(claim, replace(ticket, queued_unix=round(time.time(), 3)).to_json())
    try:
        return _call("sbatch", "--parsable", str(run.job_script_file)).strip().split(";")[0]
    except PreflightError:
        claim.unlink(missing_ok=True)
        raise


def script(run: RunFolder, token: str, cwd: str, options: Mapping[str, str]) -> str:
    """The batch script: the supervisor takes the shell's place, so that signals for the job are its own."""
    fixed = {
        "job-name": run.id,
        "output": str(run.log_file),
        "open-mode": "append",
        "signal": f"B:TERM@{SIGNAL_BEFORE_S}",
        "chdir": cwd,
        "no-requeue": "",  # the ticket is used up by the first start
    }
    lines = [
        f"#SBATCH --{name}{f'={shlex.quote(value)}' if value else ''}" for name, value in {**fixed, **options}.items()
    ]
    supervisor = [sys.executable, "-P", "-m", "toolkit.runs.supervisor", str(run.path), token]
    return "\n".join(["#!/bin/sh", *lines, "", f"exec {shlex.join(supervisor)}", ""])


def job_of(run: RunFolder) -> Job | None:
    """What Slurm says of the run's job; None once it knows none. Raises PreflightError where Slurm does not answer."""
    answer = _call("squeue", "--noheader", f"--name={run.id}", "--format=%i|%T|%r")
    for line in answer.splitlines():
        number, state, reason = ([*line.strip().split("|"), "", ""])[:3]
        return Job(number, state, reason)
    return None


def forget_if_gone(run: RunFolder) -> Job | None:
    """The job of a run that waits. One that Slurm does not know any more (scancel, no such node) is lost then."""
    job = job_of(run)
    if job is None and run.state() is State.QUEUED:
        for claim in run.claimed_ticket_files():
            with contextlib.suppress(FileNotFoundError):  # it starts at this moment
                claim.rename(run.used_ticket_file)
    return job


def stop(run: RunFolder) -> None:
    """Ask the run's supervisor in the job; take a job that waits out of Slurm's queue."""
    for claim in run.claimed_ticket_files():
        try:
            claim.rename(run.used_ticket_file)
        except FileNotFoundError:
            continue
        _call("scancel", f"--name={run.id}")
        message = f"Taken out of Slurm's queue; `steptune resume {run.id}` submits it again."
        result = Result(State.CANCELLED, EXIT_CANCELLED, message, ended_unix=round(time.time(), 3))
        write_json(run.result_file, result.to_json())
        return
    lost = run.state() is State.LOST
    _call("scancel", *([] if lost else ["--batch", "--signal=TERM"]), f"--name={run.id}")
    if lost:
        message = f"Stopped after its supervisor was lost; `steptune resume {run.id}` submits it again."
        result = Result(State.CANCELLED, EXIT_CANCELLED, message, ended_unix=round(time.time(), 3))
        write_json(run.result_file, result.to_json())


def _call(program: str, *arguments: str) -> str:
    if shutil.which(program) is None:
        raise PreflightError(f"{program} is not found: Slurm's commands are not installed on this machine.")
    try:
        done = subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise PreflightError(
            f"{program} did not answer within {TIMEOUT_S:.0f} s; `sinfo` says whether Slurm's controller is up."
        ) from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[:500] or f"exit code {done.returncode}"
        raise PreflightError(f"{program} refuses: {said}. Correct what it names (--slurm NAME=VALUE), then try again.")
    return done.stdout
