"""Reading a JSONL file that another process appends to, a bounded piece at a time.

A torn last line is not there yet. A damaged line, one that is no object, or one longer than `MAX_LINE` is counted and
left out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from toolkit.records import JSON

MAX_LINE = 1 << 20
CHUNK = 1 << 20


class GrowingJsonl:
    """Remembers how far it has read. `unreadable` counts the lines left out, `generation` rises when the file was
    replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self.size = 0
        self.unreadable = 0
        self.generation = 0
        self._pending = b""
        self._skipping = False
        self._inode: int | None = None

    def read(self, max_bytes: int = CHUNK) -> list[JSON]:
        """The objects of the next piece; [] where nothing new is whole."""
        data = self._next(max_bytes)
        if not data:
            return []
        *whole, rest = (self._pending + data).split(b"\n")
        if self._skipping and whole:
            whole, self._skipping = whole[1:], False
        self._pending = b"" if self._skipping else rest
        if len(self._pending) > MAX_LINE:
            self.unreadable += 1
            self._pending, self._skipping = b"", True
        return [row for row in map(self._parse, whole) if row is not None]

    def _next(self, max_bytes: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                self._restart_if_replaced(found)
                self.size = found.st_size
                if self.size == self.position:
                    return b""
                file.seek(self.position)
                data = file.read(max_bytes)
        except OSError:
            return b""
        self.position += len(data)
        return data

    def _restart_if_replaced(self, found: os.stat_result) -> None:
        if self._inode is not None and (found.st_ino != self._inode or found.st_size < self.position):
            self.position = self.unreadable = 0
            self._pending, self._skipping = b"", False
            self.generation += 1
        self._inode = found.st_ino

    @property
    def behind(self) -> int:
        """Bytes that are known and not read yet."""
        return max(0, self.size - self.position)

    def _parse(self, raw: bytes) -> JSON | None:
        if not raw.strip():
            return None
        if len(raw) <= MAX_LINE:
            try:
                value = json.loads(raw)
            except (ValueError, RecursionError):
                value = None
            if isinstance(value, dict):
                return value
        self.unreadable += 1
        return None
