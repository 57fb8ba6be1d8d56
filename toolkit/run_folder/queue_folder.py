"""The queue of a runs folder: the lock under which it is changed, and the document with its order and its CPU slots.

That a run waits is said by the ticket in its own folder; here is only in which order. What is not named waits behind
the others, by the time of its ticket: so nothing is lost when a process is killed between two files.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from toolkit.errors import DiskFullError, UsageError
from toolkit.records import JSON, is_disk_full, read_json, write_json
from toolkit.run_folder.documents import Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.numbers import as_finite

WAIT_S = 60.0
_POLL_S = 0.02


@dataclass(frozen=True)
class QueueDocument:
    """`order`: names of run folders, the next one first. `slots`: runs without a GPU that each machine runs at once.
    `since`: when the first of these runs came into an empty queue, in seconds since 1970; None once its end was told.
    """

    order: tuple[str, ...] = ()
    slots: int = 1
    since: float | None = None

    @classmethod
    def from_json(cls, row: JSON) -> QueueDocument:
        order, slots = row.get("order"), as_finite(row.get("slots"))
        names = (name for name in order if isinstance(name, str)) if isinstance(order, list) else ()
        return cls(tuple(names), max(1, int(slots)) if slots is not None else 1, as_finite(row.get("since")))

    def to_json(self) -> JSON:
        return {"order": list(self.order), "slots": self.slots, "since": self.since}


@dataclass(frozen=True)
class QueueFolder:
    """The queue of the runs folder `root`; nothing is read before it is asked for."""

    root: Path
    wait_s: float = field(default=WAIT_S, compare=False)

    @property
    def path(self) -> Path:
        return self.root / "queue"

    @property
    def document_file(self) -> Path:
        return self.path / "queue.json"

    @property
    def lock_file(self) -> Path:
        return self.path / "queue.lock"

    def stage_lock_file(self, key: str) -> Path:
        """Held by the pipeline that runs the stage with this key."""
        return self.path / f"stage-{key[:32]}.lock"

    def exists(self) -> bool:
        return self.lock_file.exists()

    @property
    def document(self) -> QueueDocument:
        return QueueDocument.from_json(read_json(self.document_file) or {})

    def write_order(self, first: Sequence[RunFolder] = ()) -> None:
        """Write down the order of what waits, with these in front of all others; under the lock."""
        waiting = [run for run in self.waiting() if run not in first]
        known, order = self.document, tuple(run.path.name for run in (*first, *waiting))
        is_busy = any(name in known.order for name in order) or any(
            run.used_ticket_file.exists() for run in self.open_runs()
        )
        since = known.since if is_busy else None
        self.write(replace(known, order=order, since=since or (round(time.time(), 3) if order else None)))

    def write(self, document: QueueDocument) -> None:
        """Whole or not at all; under the lock."""
        if document != self.document or not self.document_file.exists():
            write_json(self.document_file, document.to_json())

    def open_runs(self) -> list[RunFolder]:
        """The runs without a result: those that wait, go on, or were lost. By name."""
        return self._runs(ended=False)

    def ended_runs(self) -> list[RunFolder]:
        return self._runs(ended=True)

    def _runs(self, ended: bool) -> list[RunFolder]:
        found = []
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.root):
                run = RunFolder(Path(entry.path))
                with contextlib.suppress(PermissionError):  # somebody else's
                    if run.result_file.exists() is ended and run.exists():
                        found.append(run)
        return sorted(found, key=lambda run: run.path.name)

    def waiting(self) -> list[RunFolder]:
        """The runs that wait, the next one first, also those that may not be started yet."""
        places = {name: place for place, name in enumerate(self.document.order)}
        behind = len(places)

        def place(waiting: tuple[RunFolder, Ticket]) -> tuple[int, float, str]:
            run, ticket = waiting
            return places.get(run.path.name, behind), ticket.queued_unix, run.path.name

        return [run for run, _ in sorted(self._queued(submitted=False), key=place)]

    def submitted(self) -> list[RunFolder]:
        """The runs that wait in Slurm's queue."""
        return [run for run, _ in self._queued(submitted=True)]

    def _queued(self, submitted: bool) -> list[tuple[RunFolder, Ticket]]:
        found = ((run, run.ticket) for run in self.open_runs() if run.is_queued())
        return [(run, ticket) for run, ticket in found if ticket and ticket.submitted is submitted]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the queue meanwhile, on no machine that sees the folder. Makes it where there is none.

        Raises:
            UsageError: the queue belongs to another user, or somebody holds it for longer than a minute.
            DiskFullError: there is no space to make it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = self.lock_file.open("ab")
        except PermissionError:
            raise UsageError(
                f"The queue of {self.root} belongs to {_owner(self.path)}, and you may not write to it; set"
                " STEPTUNE_RUNS to a runs folder of your own, or have its owner make it writable for you."
            ) from None
        except OSError as error:
            if is_disk_full(error):
                raise DiskFullError(f"No space left to write {self.path}; nothing was changed. Free some.") from error
            raise
        with file:
            _lock(file.fileno(), self)
            yield


def _lock(handle: int, queue: QueueFolder) -> None:
    deadline = time.monotonic() + queue.wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UsageError(
                    f"Somebody has held {queue.lock_file} for {queue.wait_s:.0f} s (a process that is stopped, or on"
                    " another machine); `fuser -v` on that file names it. Nothing was changed."
                ) from None
            time.sleep(_POLL_S)
        except OSError as error:
            raise UsageError(
                f"{queue.lock_file} cannot be locked ({error.strerror}): the file system has no locks, and without"
                " them a run could be started twice. Set STEPTUNE_RUNS to a folder on another one."
            ) from None


def _owner(path: Path) -> str:
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    uid = existing.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
