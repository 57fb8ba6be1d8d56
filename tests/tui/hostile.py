"""Texts that attack a terminal, a layout or a markup parser, and the check that none reached the terminal raw."""

from __future__ import annotations

HOSTILE = (
    "\x1b]52;c;SE9TVElMRQ==\x07",  # writes the clipboard
    "\x1b]0;HOSTILE title\x07",
    "\x1b]2;HOSTILE\x1b\\",
    "\x1b[2J\x1b[1;1HHOSTILE",
    "\x1b[31mHOSTILE\x1b[0m",
    "\x1b[?1049lHOSTILE",
    "\x1bcHOSTILE",
    "\x1bP0;1|17/ab\x1b\\HOSTILE",
    "\x9b31mHOSTILE",
    "\x9d0;HOSTILE\x9c",
    "HOSTILE\x00\x01\x02\x03\x07\x08\x7f",
    "HOSTILE\r\nHOSTILE\rX",
    "\u202eELITSOH\u202c",
    "\u2066HOSTILE\u2069\u200f",
    "[/]HOSTILE[/red][bold",
    "[@click=app.quit]HOSTILE[/]",
    "$HOSTILE ${HOSTILE} {HOSTILE}",
    "H" + "\u0301" * 400 + "OSTILE",
    "\u200b\u200d\ufeffHOSTILE\ufe0f",
    "👩‍👩‍👧‍👦🏳️‍🌈 HOSTILE ｗｉｄｅ 漢字",
    "\t\tHOSTILE\t",
    "HOSTILE" * 3000,
    " " * 200 + "HOSTILE",
    "",
    "../../HOSTILE/\\..",
    "\ud800HOSTILE",
    "\u2028HOSTILE\u2029\x85",
    "\x1b[6nHOSTILE\x1b[c\x05",
)
_ALLOWED_C0 = frozenset((0x0A, 0x0D, 0x1B, 0x08))


def forbidden_output(sent: bytes, text: str) -> int:
    """How often something of `text` reached the terminal as a control: its own sequences, other C0, C1 and bidi characters."""
    found = 0
    raw = text.encode("utf-8", "replace")
    for start in (b"\x1b]52;", b"\x1b]0;HOSTILE", b"\x1b]2;HOSTILE", b"\x1bP", b"\x1bc", b"\x1b[6n", b"\x1b[c", b"\x1b[2J"):
        if start in raw:
            found += sent.count(start)
    decoded = sent.decode("utf-8", "replace")
    found += sum(1 for character in decoded if (ord(character) < 0x20 and ord(character) not in _ALLOWED_C0) or 0x7F <= ord(character) < 0xA0)
    return found + sum(decoded.count(mark) for mark in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u2028\u2029")
