"""A line of progress that is rewritten on a terminal, with finished lines above it."""

from __future__ import annotations

from typing import TextIO

from toolkit.terminal.layout import cut
from toolkit.terminal.text import clean, safe

WIDTH = 118
_CLEAR = "\r\x1b[2K"


class LiveLine:
    """On a terminal `show` rewrites the last line; elsewhere it does nothing, and whoever follows says less often."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.rewrites = out.isatty()
        self._shown = ""

    def say(self, text: str) -> None:
        """A line of its own, which stays."""
        self.finish()
        self._write(safe(text) + "\n")

    def show(self, text: str) -> None:
        """The newest progress."""
        line = cut(clean(text), WIDTH)
        if self.rewrites and line != self._shown:
            self._write(_CLEAR + line)
            self._shown = line

    def finish(self) -> None:
        """Take the progress away."""
        if self._shown:
            self._write(_CLEAR)
            self._shown = ""

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()
