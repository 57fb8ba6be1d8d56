"""Processes by identity: a pid alone may be somebody else's by now, and children may have left their parent.

A process is named by pid, start time and boot id. The processes of a run are its descendants (the supervisor is a
subreaper, so orphans stay below it) and whatever carries the run's id in its environment.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from toolkit.run_folder.documents import ProcessIdentity

RUN_ID_VARIABLE = "STEPTUNE_RUN_ID"
_PR_SET_CHILD_SUBREAPER = 36
# IndexError: psutil found an empty /proc/PID/stat, which some kernels show while a process ends.
_GONE = (psutil.NoSuchProcess, IndexError)


def identify(pid: int) -> ProcessIdentity:
    """Who has that pid now."""
    return ProcessIdentity(pid, psutil.Process(pid).create_time(), boot_id())


def find_process(identity: ProcessIdentity | None) -> psutil.Process | None:
    """The live process of that identity, or None if it ended (a zombie has ended)."""
    if identity is None or identity.boot_id != boot_id():
        return None
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.started) < 1.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except _GONE:
        return None


def boot_id() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return str(int(psutil.boot_time()))


def become_subreaper() -> None:
    """Make orphaned descendants children of this process instead of init's (Linux; elsewhere nothing happens)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(except_pid: int) -> None:
    """Collect ended children that were adopted, so that no zombie stays; `except_pid` is left to its Popen."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == except_pid:
            return
        os.waitpid(ended.si_pid, os.WNOHANG)


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """Live descendants of a process (default: this one)."""
    with contextlib.suppress(*_GONE):
        return [child for child in psutil.Process(pid).children(recursive=True) if _is_alive(child)]
    return []


def tagged_with(run_id: str) -> list[psutil.Process]:
    """Live processes of this user, this one apart, whose environment carries the run's id (vLLM renames its engine, the
    environment stays).
    """
    mark = f"{RUN_ID_VARIABLE}={run_id}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError, *_GONE):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                process = psutil.Process(int(entry.name))
                if _is_alive(process):
                    found.append(process)
    return found


def live_run_ids() -> set[str]:
    """The ids of all runs of which a process lives, as far as this user may see."""
    mark, found = f"{RUN_ID_VARIABLE}=".encode(), set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # a zombie's environment is empty
            if entry.name.isdigit():
                lines = (entry / "environ").read_bytes().split(b"\0")
                found |= {line[len(mark) :].decode("utf-8", "replace") for line in lines if line.startswith(mark)}
    return found


def has_variable(process: psutil.Process, name: str) -> bool:
    """Whether the process was started with this environment variable."""
    with contextlib.suppress(psutil.Error):
        return name in process.environ()
    return False


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(*_GONE):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def send(processes: Iterable[psutil.Process], signal_number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(*_GONE):
            process.send_signal(signal_number)


def wait_until_gone(processes: Iterable[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Those still alive when all have ended or the time is over."""
    deadline = time.monotonic() + timeout_s
    left = [process for process in processes if _is_alive(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = [process for process in left if _is_alive(process)]
    return left
