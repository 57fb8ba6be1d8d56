"""Which slice of the questions a system answers worst, in words."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.results.document import Slice

_FORMAT = "format_conformance"
_LEAST_ROWS = 2
_BEHIND = 0.1  # of the share of clean lists over all: what is closer is no slice to name


def worst_slice(slices: Sequence[Slice], system: str) -> str:
    """The slice with the smallest share of clean lists, where that is clearly below the largest; "" without one."""
    found = [
        (number.mean, -part.n, part, number)
        for part in slices
        if part.n >= _LEAST_ROWS
        and (number := part.numbers.get(system, {}).get(_FORMAT)) is not None
        and number.mean is not None
    ]
    if not found:
        return ""
    mean, _, part, number = min(found, key=lambda entry: entry[:2])
    best = max(share for share, *_ in found)
    if best - mean < _BEHIND:
        return ""
    ends = f", 95 % interval {number.ci95[0]:.2f} to {number.ci95[1]:.2f}" if number.ci95 else ""
    clean = f"{round(mean * number.n)} of {number.n}"
    return f"{clean} answers are clean numbered lists where {part.by} is {part.value}{ends}"
