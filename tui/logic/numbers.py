"""Numbers as they are found in files that anything may have written."""

from __future__ import annotations

import math
from typing import Any


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
