"""What `make soak` does to a chain at a random moment, and which states may be shown after it."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.soak_chain import Chain
from toolkit.machine.processes import send
from toolkit.run_folder.states import State

LIVE = frozenset({State.STARTING, State.RUNNING, State.FINISHED})
BROKEN = frozenset({State.FAILED, State.OUT_OF_MEMORY, State.FINISHED})
MINUTE_SHARE = 0.15  # of the stops; every one a minute long would leave no time for the others
_DISK_MIB = 1300  # preflight wants 1 GiB; memory is taken only while the disk is full


@dataclass(frozen=True)
class Done:
    """What was done to a chain: `allowed` holds the states that are true after it."""

    what: str
    allowed: frozenset[State]
    goes_on: bool = False  # the run goes on as if nothing had been
    damaged: tuple[tuple[Path, bytes], ...] = field(default=())  # files, and what they held


Fault = Callable[[Chain, random.Random], Done | None]


def _kill(process: psutil.Process | None, what: str, allowed: frozenset[State]) -> Done | None:
    if process is None:
        return None
    with contextlib.suppress(psutil.Error):
        name = " ".join(process.cmdline()[:4])[-60:]
        process.kill()
        return Done(f"{what} ({name})", allowed)
    return None


def kill_viewer(chain: Chain, dice: random.Random) -> Done | None:
    """The command in front goes; before the run folder was there, nothing was promised."""
    if chain.viewer_gone() or chain.viewer is None:
        return None
    began = chain.supervisor() is not None
    chain.viewer.kill()
    chain.viewer.wait()
    if not chain.run.exists():
        return Done("kill the command before its run was there", frozenset(State))
    return Done("kill the command", LIVE if began else frozenset({*LIVE, State.LOST}), goes_on=began)


def kill_supervisor(chain: Chain, dice: random.Random) -> Done | None:
    return _kill(chain.supervisor(), "kill the supervisor", frozenset({State.LOST, State.FINISHED}))


def kill_recipe(chain: Chain, dice: random.Random) -> Done | None:
    identity = chain.run.processes.child if chain.run.exists() else None
    with contextlib.suppress(psutil.Error):
        if identity is not None:
            return _kill(psutil.Process(identity.pid), "kill the recipe", BROKEN)
    return None


def kill_any(chain: Chain, dice: random.Random) -> Done | None:
    """A launcher, a trainer, an engine, a tool of theirs: a helper that answers late may be missed by nobody."""
    found = chain.processes()
    return _kill(dice.choice(found), "kill a process", frozenset({*BROKEN, *LIVE})) if found else None


def kill_all(chain: Chain, dice: random.Random) -> Done | None:
    """What a power cut does."""
    found = [process for process in (chain.supervisor(), *chain.processes()) if process is not None]
    if chain.supervisor() is None:
        return None
    if chain.viewer is not None and not chain.viewer_gone():
        chain.viewer.kill()
        chain.viewer.wait()
    send(found, signal.SIGKILL)
    time.sleep(0.3)
    send(chain.processes(), signal.SIGKILL)  # what was begun meanwhile
    return Done("kill everything", frozenset({State.LOST, State.FAILED, State.FINISHED}))


def hang_up(chain: Chain, dice: random.Random) -> Done | None:
    """The terminal closes."""
    if (supervisor := chain.supervisor()) is None:
        return None
    send([supervisor], signal.SIGHUP)
    if chain.viewer is not None and not chain.viewer_gone():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(chain.viewer.pid, signal.SIGHUP)
        with contextlib.suppress(subprocess.TimeoutExpired):
            chain.viewer.wait(10)
    return Done("SIGHUP", LIVE, goes_on=True)


def terminate(chain: Chain, dice: random.Random) -> Done | None:
    """The machine is shut down: the supervisor is asked to end."""
    if (supervisor := chain.supervisor()) is None:
        return None
    send([supervisor], signal.SIGTERM)
    return Done("SIGTERM to the supervisor", frozenset({State.CANCELLED, State.FAILED, State.LOST, State.FINISHED}))


def stop(chain: Chain, dice: random.Random) -> Done | None:
    """The documented way."""
    if chain.supervisor() is None:
        return None
    chain.ask("stop", str(chain.run.path))
    return Done("steptune stop", frozenset({State.CANCELLED, State.FINISHED}))


def freeze(chain: Chain, dice: random.Random) -> Done | None:
    """A machine that sleeps: for some seconds, now and then for a minute."""
    found = chain.processes()
    if not found:
        return None
    send(found, signal.SIGSTOP)
    seconds = 60.0 if dice.random() < MINUTE_SHARE else dice.uniform(0.5, 4.0)
    time.sleep(seconds)
    send(found, signal.SIGCONT)
    return Done(f"SIGSTOP for {seconds:.0f} s", LIVE, goes_on=True)


def limit_memory(chain: Chain, dice: random.Random) -> Done | None:
    """Everything may grow by some MiB more and no further."""
    found = chain.processes()
    for process in found:
        with contextlib.suppress(psutil.Error, OSError, ValueError):
            limit = process.memory_info().vms + dice.randint(0, 64) * 1024 * 1024
            process.rlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    return Done("memory limit", frozenset({*BROKEN, *LIVE})) if found else None


def fill_disk(chain: Chain, dice: random.Random) -> Done | None:
    """No byte is left; the room comes back once the run is over, or after some seconds."""
    if chain.supervisor() is None or not os.path.ismount(chain.folder):
        return None
    ballast = chain.folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(512))
    chain.settle(dice.uniform(2.0, 15.0))
    ballast.unlink()
    return Done("no space on the disk", frozenset({*BROKEN, *LIVE, State.LOST}))


def damage(chain: Chain, dice: random.Random) -> Done | None:
    """Everything is killed, then a file of a stage is cut, emptied or replaced."""
    if kill_all(chain, dice) is None:
        return None
    files = [
        path
        for path in chain.run.path.glob("stages/*/**/*")
        if path.is_file() and path.stat().st_size and path.name not in ("log.txt", "run.lock")
    ]
    if not files:
        return None
    path = dice.choice(files)
    held = path.read_bytes()
    kind = dice.choice(("cut", "empty", "replaced"))
    new = {"cut": held[: len(held) * 2 // 3], "empty": b"", "replaced": dice.randbytes(len(held))}[kind]
    path.write_bytes(new)
    allowed = frozenset({State.LOST, State.FAILED, State.FINISHED})
    return Done(f"{path.relative_to(chain.run.path)} {kind}", allowed, damaged=((path, held),))


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        kill_viewer,
        kill_supervisor,
        kill_recipe,
        kill_any,
        kill_all,
        hang_up,
        terminate,
        stop,
        freeze,
        limit_memory,
        fill_disk,
        damage,
    )
}


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of its own for a folder; False where it may not be mounted, and the fault is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    mounted = False
    if sys.platform == "linux" and mount and unmount and os.geteuid() == 0:
        command = [mount, "-t", "tmpfs", "-o", f"size={_DISK_MIB}m", "tmpfs", str(folder)]
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run([str(unmount), "-l", str(folder)], check=False)
