"""Files that one process at a time appends to, and what is closed at the end of a `with`. Standard library only."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Self

from toolkit.errors import UsageError


class Closing:
    """A context manager that closes itself."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        raise NotImplementedError


class AppendedFile(Closing):
    """A file open for appending, for this process alone (flock, which the kernel lets go when a process dies).

    Raises (when opened):
        UsageError: another process has it open; `in_use` is what the user reads then.
    """

    def __init__(self, path: Path, in_use: str) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise UsageError(in_use) from None

    def close(self) -> None:
        self._file.close()
