"""Interval charts as inline SVG without any library: colours come from the page's style sheet, so that light and dark
both work.

Laid out for 420 units of width with the label above each line, so that a phone shows it at nearly full size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH = 420
_MARGIN = 14
_ROW = 42
_AXIS = 30
_TICK_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class IntervalRow:
    """A line of a chart: label, its numbers in words, value with interval, and the floor (None where there is none)."""

    label: str
    numbers: str
    value: float
    interval: tuple[float, float] | None
    floor: float | None
    colour: str  # a class of the page: s0, s1 ... or better, worse, unclear


def interval_chart(rows: list[IntervalRow], title: str, low: float, high: float, mark_zero: bool = False) -> Markup:
    """One chart with a common axis from low to high; dots are values, bars intervals, hollow diamonds floors."""
    height = _ROW * len(rows) + _AXIS

    def x(value: float) -> float:
        return _MARGIN + (min(max(value, low), high) - low) / (high - low) * (_WIDTH - 2 * _MARGIN)

    ticks = axis_ticks(low, high)
    parts = [_tick(x(tick), tick, height, zero=mark_zero and tick == 0) for tick in ticks]
    for index, row in enumerate(rows):
        parts.append(_row(row, x, index * _ROW + 28))
    head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">').format(
        _WIDTH, height, title
    )
    return head + Markup("").join(parts) + Markup("</svg>")


def axis_range(rows: list[IntervalRow]) -> tuple[float, float]:
    """Ends of an axis that holds all values, intervals, floors and 0, with some air."""
    values = [
        0.0,
        *(row.value for row in rows),
        *(row.floor for row in rows if row.floor is not None),
        *(end for row in rows for end in row.interval or ()),
    ]
    air = max(0.02, 0.06 * (max(values) - min(values)))
    return min(values) - air, max(values) + air


def axis_ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers within the axis."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in _TICK_STEPS if power * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _tick(x: float, value: float, height: int, zero: bool) -> Markup:
    line = Markup('<line class="{}" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{}"/>').format(
        "zero" if zero else "grid", height - _AXIS + 4, x=x
    )
    return line + Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
        x, height - 8, f"{value:g}".replace("-", "−")
    )


def _row(row: IntervalRow, x: Callable[[float], float], y: int) -> Markup:
    text = Markup('<text class="label" x="{}" y="{}">{} <tspan class="numbers">{}</tspan></text>').format(
        _MARGIN, y - 11, row.label, row.numbers
    )
    bar = Markup("")
    if row.interval:
        bar = Markup('<line class="bar {}" x1="{:.1f}" x2="{:.1f}" y1="{y}" y2="{y}"/>').format(
            row.colour, x(row.interval[0]), x(row.interval[1]), y=y
        )
    dot = Markup('<circle class="dot {}" cx="{:.1f}" cy="{}" r="5"/>').format(row.colour, x(row.value), y)
    return text + bar + dot + (_diamond(x(row.floor), y) if row.floor is not None else Markup(""))


def _diamond(x: float, y: int) -> Markup:
    return Markup('<path class="floor" d="M{:.1f} {}l5 5l-5 5l-5 -5z"/>').format(x, y - 5)
