"""A plotting area made of characters: braille dots (2 x 4 a cell), or plain ASCII where the terminal has no more."""

from __future__ import annotations

from collections.abc import Sequence

from tui.logic.lines import Span

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_ASCII_LEVELS = ("'", "-", ".")


class Canvas:
    """`columns` x `rows` points, (0, 0) at the top left; each cell takes the style of the curve drawn last."""

    def __init__(self, width: int, height: int, ascii_only: bool = False) -> None:
        self.width, self.height, self.ascii_only = width, height, ascii_only
        self.across, self.down = (1, 3) if ascii_only else (2, 4)
        self.columns, self.rows = width * self.across, height * self.down
        self._bits = [[0] * width for _ in range(height)]
        self._styles = [[""] * width for _ in range(height)]

    def column(self, x: int, top: int, bottom: int, style: str) -> None:
        """A vertical stroke from `top` to `bottom`, both included; whatever is outside is cut off."""
        if not 0 <= x < self.columns:
            return
        top, bottom = max(0, min(top, bottom)), min(self.rows - 1, max(top, bottom))
        cell_x, within = divmod(x, self.across)
        for y in range(top, bottom + 1):
            cell_y, level = divmod(y, self.down)
            self._bits[cell_y][cell_x] |= _DOTS[level][within] if not self.ascii_only else 1 << level
            self._styles[cell_y][cell_x] = style

    def lines(self) -> list[tuple[Span, ...]]:
        """One line a row; neighbouring cells of one style are one span."""
        return [
            _spans([self._character(bits) for bits in row], styles)
            for row, styles in zip(self._bits, self._styles, strict=True)
        ]

    def _character(self, bits: int) -> str:
        if not bits:
            return " "
        if not self.ascii_only:
            return chr(0x2800 + bits)
        return next((_ASCII_LEVELS[level] for level in range(3) if bits == 1 << level), "|")


def _spans(characters: Sequence[str], styles: Sequence[str]) -> tuple[Span, ...]:
    spans: list[Span] = []
    start = 0
    for index in range(1, len(characters) + 1):
        if index == len(characters) or styles[index] != styles[start]:
            spans.append(Span("".join(characters[start:index]), styles[start]))
            start = index
    return tuple(spans)
