"""Rows of a large JSONL file by number, over an index of byte offsets: 100,000 rows open in a fraction of a second."""

from __future__ import annotations

import contextlib
import json
import os
from array import array
from pathlib import Path

from toolkit.records import JSON

CHUNK = 1 << 22
MAX_ROW = 1 << 22


class JsonlRows:
    """Reads each row when it is asked for. `extend` indexes a piece, so that a huge file opens at once and grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        self.size = os.fstat(self._file.fileno()).st_size
        self._starts = array("Q", [0])
        self._indexed = 0

    def close(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        """Whole lines found so far; a last line without newline counts once everything is indexed."""
        whole = len(self._starts) - 1
        return whole + (1 if self.complete and self._starts[-1] < self.size else 0)

    @property
    def complete(self) -> bool:
        return self._indexed >= self.size

    def extend(self, max_bytes: int = 1 << 62) -> bool:
        """Index more of the file; True while there is more to do."""
        end = min(self.size, self._indexed + max_bytes)
        while self._indexed < end:
            data = os.pread(self._file.fileno(), min(CHUNK, end - self._indexed), self._indexed)
            if not data:
                self.size = self._indexed
                break
            at = data.find(b"\n")
            while at >= 0:
                self._starts.append(self._indexed + at + 1)
                at = data.find(b"\n", at + 1)
            self._indexed += len(data)
        return not self.complete

    def row(self, index: int) -> JSON:
        """The object of a row; `{"unreadable": ...}` where the line is none."""
        start = self._starts[index]
        end = self._starts[index + 1] if index + 1 < len(self._starts) else self.size
        if end - start > MAX_ROW:
            return {"unreadable": f"a line of {end - start} bytes"}
        raw = os.pread(self._file.fileno(), end - start, start)
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(raw)
            if isinstance(value, dict):
                return value
        return {"unreadable": raw[:2000].decode("utf-8", "replace")}
