"""Values of configs, results and metadata as people read them: never as Python writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from toolkit.terminal.text import clean_text


def shown(value: Any) -> str:
    """`none`, `true`, `0.0002`, `q_proj, v_proj`, `rows 12, share 0.5`, `2026-11-30 14:05`; a number keeps all of its
    digits. Texts are clean, and may have several lines.
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _exact(value)
    if hasattr(value, "isoformat"):  # a date out of YAML, its module not imported for the list of runs
        return str(value.isoformat(sep=" ", timespec="minutes") if hasattr(value, "hour") else value.isoformat())
    if isinstance(value, Mapping):
        return ", ".join(f"{clean_text(name)} {_inner(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_inner(item) for item in value) or "none"
    return clean_text(value)


def _inner(value: Any) -> str:
    """A value within another one, in brackets where it has parts itself."""
    has_parts = isinstance(value, Mapping | list | tuple | set | frozenset) and len(value) > 1
    return f"({shown(value)})" if has_parts else shown(value)


def _exact(value: float) -> str:
    """The shortest text of the same number: 3, 0.0002, 1e-8."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    short = f"{value:g}"
    text = short if float(short) == value else repr(value)
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
