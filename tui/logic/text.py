"""Text as a terminal may safely show it, and numbers as people read them.

Everything that comes from a file passes through `clean` once, where it enters the screens' process: a raw ESC would
write the clipboard or change the window's title, a bidi control would reorder what a reader sees.
"""

from __future__ import annotations

import math
import re
from typing import Any

from rich.cells import cell_len, set_cell_size

from tui.logic.numbers import as_number

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
    """Text of several lines that cannot drive a terminal. Colour codes vanish, other controls show as U+FFFD."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > MAX_CLEANED:
        text = text[:MAX_CLEANED] + " ..."
    if _PLAIN.match(text):
        return text
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPE_SEQUENCE.sub(REPLACEMENT, _COLOUR_ONLY.sub("", text))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub(REPLACEMENT, text)
    text = _STACKED_MARKS.sub(r"\1", _INVISIBLE.sub("", text))
    return text.expandtabs(4) if "\t" in text else text


def clean_log_line(raw: bytes) -> str:
    """A line of a log file. Of a progress bar that rewrote its line, the last state is shown."""
    if len(raw) > MAX_CLEANED:
        raw = raw[:MAX_CLEANED]
    if b"\r" in raw:
        raw = raw.rstrip(b"\r").rsplit(b"\r", 1)[-1]
    return clean(raw.decode("utf-8", "replace"))


def fit(text: str, width: int) -> str:
    """The text in exactly `width` cells, cut with an ellipsis where it is longer."""
    if width <= 0:
        return ""
    length = len(text) if text.isascii() else cell_len(text)
    if length == width:
        return text
    return text + " " * (width - length) if length < width else cut(text, width)


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells, with an ellipsis where something was cut."""
    if width <= 0:
        return ""
    if (len(text) if text.isascii() else cell_len(text)) <= width:
        return text
    return set_cell_size(text[: 4 * width + 64], width - 1) + "…"  # measuring a text of 100 kB takes its time


def fit_right(text: str, width: int) -> str:
    """The text at the right of `width` cells."""
    shown = cut(text, width)
    return " " * (width - cell_len(shown)) + shown


def cut_start(text: str, width: int) -> str:
    """The end of the text in at most `width` cells: for paths and ids, whose end tells them apart."""
    if cell_len(text) <= width or width <= 0:
        return text if width > 0 else ""
    kept = text[-(width - 1) :]
    while cell_len(kept) > width - 1:
        kept = kept[1:]
    return "…" + kept


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces where possible. [""] for no text."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            candidate = f"{line} {word}" if line else word
            if cell_len(candidate) <= width:
                line = candidate
                continue
            if line:
                lines.append(line)
            while width > 0 and cell_len(word[: width + 1]) > width:
                part = set_cell_size(word[: width + 1], width)
                lines.append(part.rstrip())
                word = word[len(part.rstrip()) or 1 :]
            line = word
        lines.append(line)
    return lines


def number(value: Any) -> str:
    """Four significant digits, `-` for what is no finite number."""
    found = as_number(value)
    if found is None:
        return "-"
    if not math.isfinite(found):
        return "nan" if math.isnan(found) else ("inf" if found > 0 else "-inf")
    if isinstance(value, int) and abs(value) < 10_000_000:
        return str(value)
    return f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def duration(seconds: float | None) -> str:
    """`8 s`, `2:03`, `1:02:03`, `3 d 4 h`; `-` for unknown. A clock that jumped back counts as no time."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 86_400:
        hours, rest = divmod(whole, 3600)
        return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def age(seconds: float | None) -> str:
    """Coarse: `now`, `5 min`, `3 h`, `12 d`."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 60:
        return "now"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "now"


def gib(value: Any) -> str:
    found = as_number(value)
    return "-" if found is None else f"{found:.1f} GiB"


def file_size(size: int) -> str:
    """`812 B`, `4.2 kB`, `1.1 GB`."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
