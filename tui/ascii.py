"""Where the terminal has no more than ASCII: whether it is so, and the last step before it, which gives every other
character a stand-in of the same width.
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


# Python puts this into the environment where the locale is C (PEP 538).
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
_PLAIN_LOCALES = ("C", "POSIX")


def wants_ascii(environment: Mapping[str, str] | None = None, encoding: str | None = None) -> bool:
    """Whether locale or terminal cannot show more than ASCII, or STEPTUNE_ASCII asks for it (0: not, whatever else
    says).

    A locale C counts, though Python then works in UTF-8: it says what the terminal shows. One that is not set at all
    says nothing.
    """
    found = os.environ if environment is None else environment
    if asked := found.get("STEPTUNE_ASCII"):
        return asked != "0"
    if found.get("TERM", "").startswith("vt") or _locale_of(found) in _PLAIN_LOCALES:
        return True
    try:
        name = codecs.lookup(encoding or locale.getpreferredencoding(False)).name
    except LookupError:
        return True
    return name != "utf-8"


def _locale_of(environment: Mapping[str, str]) -> str:
    """The locale of characters as the user set it."""
    ctype = environment.get("LC_CTYPE", "")
    own = "" if ctype in _COERCED and environment.get("LANG") in _PLAIN_LOCALES else ctype
    return environment.get("LC_ALL") or own or environment.get("LANG", "")
