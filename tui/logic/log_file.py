"""A log file of any size: read at any line by pread over a sparse index of newlines, the tail first.

The index keeps the number of newlines before every block of 256 KiB, so a 1 GB log costs 32 kB of index.
Line numbers count from the file's start and are known once the index has reached them; until then the view
works on the tail, whose lines are numbered from its own start.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import re
import stat
from pathlib import Path

from toolkit.terminal.text import clean_log_line

BLOCK = 256 * 1024
TAIL = 64 * 1024
# A line longer than this is shown cut: nobody reads it in a terminal, and it must not fill the memory.
MAX_LINE = 64 * 1024


class LogFile:
    """Not thread-safe for `extend`; readers may call `lines` meanwhile, for the index only grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.indexed = 0  # bytes that the index covers, up to the last whole newline block
        self.size = 0
        self._newlines = [0]  # newlines before block i
        self._last_block_newlines = 0
        self._ends_with_newline = True
        self._descriptor: int | None = None
        self._inode = 0
        self.generation = 0  # rises when the file was replaced or cut

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def refresh(self) -> bool:
        """Look at the file's size. True if anything changed; a file that shrank or was replaced starts afresh."""
        try:
            found = os.stat(self.path)
        except OSError:
            found = None
        if found is None or not stat.S_ISREG(found.st_mode):  # a pipe would be waited for, a folder cannot be read
            changed = self.size > 0
            self._reset()
            return changed
        if self._descriptor is None or found.st_ino != self._inode or found.st_size < self.size:
            self._reset()
            try:
                self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return False
            self._inode = found.st_ino
        changed = found.st_size != self.size
        self.size = found.st_size
        return changed

    def _reset(self) -> None:
        if self._descriptor is not None or self.size:
            self.generation += 1
        self.close()
        self.indexed = self.size = self._last_block_newlines = 0
        self._newlines = [0]
        self._ends_with_newline = True

    def extend(self, max_bytes: int = 1 << 62) -> bool:
        """Index up to `max_bytes` more; True while there is more to do."""
        end = min(self.size, self.indexed + max_bytes)
        while self.indexed < end and self._descriptor is not None:
            block, within = divmod(self.indexed, BLOCK)
            data = self._read(self.indexed, min(BLOCK - within, end - self.indexed))
            if not data:
                break
            self._last_block_newlines += data.count(b"\n")
            self._ends_with_newline = data.endswith(b"\n")
            self.indexed += len(data)
            if self.indexed % BLOCK == 0:
                self._newlines.append(self._newlines[block] + self._last_block_newlines)
                self._last_block_newlines = 0
        return self.indexed < self.size

    @property
    def complete(self) -> bool:
        return self.indexed >= self.size

    @property
    def line_count(self) -> int:
        """Lines up to `indexed`; a last line without a newline counts."""
        return (
            self._newlines[-1] + self._last_block_newlines + (0 if self._ends_with_newline or not self.indexed else 1)
        )

    def lines(self, first: int, count: int) -> list[str]:
        """Cleaned lines from 0-based `first`; fewer at the end of what is indexed."""
        first = max(0, first)
        count = min(count, self.line_count - first)
        return [clean_log_line(raw) for raw in self._raw_lines(first, count)] if count > 0 else []

    def _raw_lines(self, first: int, count: int) -> list[bytes]:
        block = max(0, bisect.bisect_left(self._newlines, first) - 1) if first else 0
        position, skip = block * BLOCK, first - self._newlines[block]
        found: list[bytes] = []
        pending = b""
        while position < self.indexed and len(found) < count:
            data = self._read(position, min(BLOCK, self.indexed - position))
            if not data:
                break
            position += len(data)
            parts = (pending + data).split(b"\n")
            pending = parts.pop()[-MAX_LINE:]
            found += [part[:MAX_LINE] for part in parts[skip : skip + count - len(found)]]
            skip = max(0, skip - len(parts))
        if len(found) < count and pending and skip == 0:
            found.append(pending[:MAX_LINE])
        return found

    def tail(self, count: int, max_bytes: int = TAIL) -> list[str]:
        """The last lines, without any index."""
        start = max(0, self.size - max_bytes)
        parts = self._read(start, self.size - start).split(b"\n")
        if parts and not parts[-1]:
            parts.pop()
        if start and len(parts) > 1:
            parts = parts[1:]
        return [clean_log_line(part[:MAX_LINE]) for part in parts[-count:]]

    def _read(self, position: int, length: int) -> bytes:
        descriptor = self._descriptor  # another thread may close it when the file is replaced
        if descriptor is None:
            return b""
        with contextlib.suppress(OSError):
            return os.pread(descriptor, length, position)
        return b""

    def find(
        self, pattern: re.Pattern[str], start: int, backwards: bool = False, max_lines: int = 200_000
    ) -> tuple[int | None, int]:
        """The nearest line at or after (before) `start` that matches, and the line from which to go on if none did.

        Looks at `max_lines` lines at most, so that a caller can stop in between.
        """
        step = 2_000
        at = start
        examined = 0
        while examined < max_lines and 0 <= at < self.line_count:
            first = max(0, at - step + 1) if backwards else at
            count = at - first + 1 if backwards else step
            lines = self.lines(first, count)
            if not lines:
                break
            order = range(len(lines) - 1, -1, -1) if backwards else range(len(lines))
            for index in order:
                if pattern.search(lines[index]):
                    return first + index, at
            examined += len(lines)
            at = first - 1 if backwards else first + len(lines)
        return None, at
