"""The lines of a log that a pattern matches, found a piece at a time: how many there are, which one is looked at."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right

from tui.logic.log_file import LogFile

MOST = 1_000_000  # matches that are kept by their numbers; a pattern that matches more is not looked through one by one


class LogSearch:
    """`step` looks at further lines; what is found so far may be read meanwhile, from another thread."""

    def __init__(self, log: LogFile, pattern: re.Pattern[str]) -> None:
        self.log, self.pattern = log, pattern
        self.scanned = 0  # lines
        self.matches = array("Q")
        self._generation = log.generation

    def step(self, max_lines: int = 20_000) -> bool:
        """Look at the next lines; True while more of them are known."""
        if self.log.generation != self._generation:  # another file by now
            self.scanned, self.matches, self._generation = 0, array("Q"), self.log.generation
        lines = self.log.lines(self.scanned, max_lines)
        search = self.pattern.search
        self.matches.extend(number for number, text in enumerate(lines, self.scanned) if search(text))
        self.scanned += len(lines)
        return bool(lines) and self.has_more

    @property
    def has_more(self) -> bool:
        return self.scanned < self.log.line_count and len(self.matches) < MOST

    def nearest(self, line: int, backwards: bool, max_lines: int = 20_000) -> tuple[int | None, int]:
        """The nearest match from `line` on (backwards), and the line from which to go on where none was found yet."""
        if line < self.scanned and (backwards or not self.has_more):
            at = bisect_right(self.matches, line) - 1 if backwards else bisect_left(self.matches, line)
            found = self.matches[at] if 0 <= at < len(self.matches) else None
            return found, -1 if backwards else self.log.line_count
        return self.log.find(self.pattern, line, backwards, max_lines)

    def note(self, line: int | None) -> str:
        """`match 3 of 120`, `120 matches`; while it is looking, how far it is."""
        count = f"{len(self.matches):,}" + ("+" if self.has_more else "")
        number = bisect_left(self.matches, line) if line is not None else len(self.matches)
        is_known = number < len(self.matches) and self.matches[number] == line
        text = f"match {number + 1:,} of {count}" if is_known else f"{count} match{'' if count == '1' else 'es'}"
        if not self.matches:
            text = "no match yet" if self.has_more else "no match"
        if self.has_more and len(self.matches) < MOST:
            text += f", searched {100 * self.scanned // max(1, self.log.line_count)} %"
        return text
