"""Numbers as they are found in files that anything may have written, and as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from toolkit.terminal.text import clean
from toolkit.terminal.values import shown

_IN_BYTES = frozenset({"download", "merge"})  # phases of a run's progress


def as_number(value: Any) -> float | None:
    """A number as a float, NaN and infinity too; None for what is no number. A whole number beyond all floats is
    infinite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def as_finite(value: Any) -> float | None:
    """A number that can be drawn, else None."""
    number = as_number(value)
    return number if number is not None and math.isfinite(number) else None


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


def headline_text(headline: Mapping[str, Any]) -> str:
    """The numbers of a run in a line: `eval_loss 1.79, best_step 40`."""
    return ", ".join(
        f"{clean(name)} {number(value) if as_number(value) is not None else clean(shown(value))}"
        for name, value in headline.items()
        if value is not None
    )


def counted(count: int, noun: str) -> str:
    """`1 run`, `2 runs`: for nouns whose plural takes an s."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def clock(seconds: float) -> str:
    """`0:08`, `2:03`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float | None) -> str:
    """`8 s`, `2:03`, `1:02:03`, `3 d 4 h`; `-` for unknown. A clock that jumped back counts as no time."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 86_400:
        return clock(whole)
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


def amount(phase: str, done: float | None, total: float | None) -> str:
    """How far a phase is: `12/60`, or `3.1 GB/14.5 GB` where it counts bytes; empty without a total."""
    counted_bytes = [as_finite(done), as_finite(total)] if phase in _IN_BYTES else [None]
    if None not in counted_bytes:
        return "/".join(file_size(int(size)) for size in counted_bytes if size is not None)
    return f"{number(done)}/{number(total)}" if total else ""


def file_size(size: int) -> str:
    """`812 B`, `4.2 kB`, `1.1 GB`."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
