"""Text as a terminal may safely show it: a raw ESC would write the clipboard or change the window's title, a bidi
control would reorder what a reader sees.

The screens clean what comes from a file once, where it enters their process. Commands print through
`toolkit.terminal.output`, which cleans whatever it is given.
"""

from __future__ import annotations

import re
from typing import Any

REPLACEMENT = "\ufffd"
# A whole escape sequence is one thing to a reader: CSI (colours), OSC (titles, clipboard), and two-byte sequences.
_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|\x9b[0-?]*[ -/]*[@-~]")
_COLOUR_ONLY = re.compile(r"\x1b\[[0-9;:]*[mK]")
# C0 and C1 controls apart from tab and newline, DEL, bidi controls and marks, separators, surrogates.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb]"
)
# Characters that terminals and libraries disagree on the width of; they carry no content of their own here.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]")
# More combining marks than this on one letter are an attack on the line height, not a language.
_STACKED_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
_PLAIN = re.compile(r"[ -~]*\Z")
MAX_CLEANED = 200_000


def clean(value: Any) -> str:
    """One line of text that cannot drive a terminal; newlines become spaces."""
    return clean_text(value).replace("\n", " ")


def clean_text(value: Any) -> str:
    """Text of several lines for a screen: `safe`, at most 200 000 characters of it, without tabs."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_CLEANED:
        text = text[:MAX_CLEANED] + " ..."
    text = safe(text)
    return text.expandtabs(4) if "\t" in text else text


def safe(text: str) -> str:
    """Text of several lines that cannot drive a terminal. Colour codes vanish, other controls show as U+FFFD."""
    if _PLAIN.match(text):
        return text
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPE_SEQUENCE.sub(REPLACEMENT, _COLOUR_ONLY.sub("", text))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub(REPLACEMENT, text)
    return _STACKED_MARKS.sub(r"\1", _INVISIBLE.sub("", text))


def escape_controls(document: str) -> str:
    r"""JSON that cannot drive a terminal and says the same: what JSON leaves raw in strings becomes `\u202e`."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def clean_log_line(raw: bytes) -> str:
    """A line of a log file. Of a progress bar that rewrote its line, the last state is shown."""
    if len(raw) > MAX_CLEANED:
        raw = raw[:MAX_CLEANED]
    if b"\r" in raw:
        raw = raw.rstrip(b"\r").rsplit(b"\r", 1)[-1]
    return clean(raw.decode("utf-8", "replace"))
