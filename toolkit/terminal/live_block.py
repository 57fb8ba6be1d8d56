"""A block of lines that is rewritten on a terminal while it grows, such as answers that are being written."""

from __future__ import annotations

import shutil
from typing import TextIO

from toolkit.terminal.layout import cut
from toolkit.terminal.text import clean, safe


class LiveBlock:
    """On a terminal `show` rewrites the block, of which the end is seen where it is higher than the terminal; elsewhere
    only `finish` prints.
    """

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.rewrites = out.isatty()
        self._height = 0

    def show(self, lines: list[str]) -> None:
        if self.rewrites:
            size = shutil.get_terminal_size()
            shown = [cut(clean(line), size.columns - 1) for line in lines[-(size.lines - 1) :]]
            self._write(self._clear() + "".join(f"{line}\n" for line in shown))
            self._height = len(shown)

    def finish(self, lines: list[str]) -> None:
        """The block as it stays."""
        self._write(self._clear() + "".join(f"{safe(line)}\n" for line in lines))
        self._height = 0

    def _clear(self) -> str:
        return f"\x1b[{self._height}A\r\x1b[J" if self._height else ""

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()
