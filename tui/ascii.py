"""The last step before the terminal where it has no more than ASCII: every other character gets a stand-in of the same
width.
"""

from __future__ import annotations

import codecs
import locale
import os
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_STAND_INS = {
    "…": "~",
    "●": "*",
    "◌": "o",
    "◔": "o",
    "○": "o",
    "✓": "+",
    "✗": "x",
    "■": "#",
    "·": ".",
    "━": "=",
    "◆": "*",
    "★": "*",
    "▸": ">",
    "▾": "v",
    "→": ">",
    "←": "<",
    "↑": "^",
    "↓": "v",
    "↵": "e",
    "−": "-",
    "–": "-",
    "—": "-",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "\ufffd": "?",
    "\u00a0": " ",
}


class AsciiOnly(LineFilter):
    """Replaces what is not ASCII in every line that is sent."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(to_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


@lru_cache(4096)
def to_ascii(text: str) -> str:
    """Text of the same width in ASCII characters."""
    return "".join(character if character.isascii() else _stand_in(character) for character in text)


def _stand_in(character: str) -> str:
    if character in _STAND_INS:
        return _STAND_INS[character]
    code = ord(character)
    if 0x2500 <= code <= 0x257F:  # box drawing
        return "-" if character in "─━┄┅┈┉╌╍═╴╶╸╺╼╾" else "|" if character in "│┃┆┇┊┋╎╏║╵╷╹╻╽╿" else "+"
    if 0x2580 <= code <= 0x259F:  # blocks
        return "#"
    return "?" * cell_len(character)


def wants_ascii(environment: Mapping[str, str] | None = None, encoding: str | None = None) -> bool:
    """Whether the locale cannot show more than ASCII, or STEPTUNE_ASCII asks for it."""
    found = os.environ if environment is None else environment
    if found.get("STEPTUNE_ASCII"):
        return True
    try:
        name = codecs.lookup(encoding or locale.getpreferredencoding(False)).name
    except LookupError:
        return True
    return name != "utf-8"
