"""A chart as lines of text: curves, axes with labels, and a row of marks for checkpoints and the best step.

Ranges are rounded outwards, so that a new point seldom moves what is already drawn: a curve that grows sends a few
cells to the terminal, not the whole chart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from toolkit.terminal.layout import cut, fit_right
from toolkit.terminal.numbers import number
from tui.logic.canvas import Canvas
from tui.logic.lines import Line, Span, line, width_of

GUTTER = 8
Point = tuple[float, float, float, float]  # x, low, high, mean


@dataclass(frozen=True)
class Curve:
    """A named curve; `style` is a style name such as s1."""

    name: str
    points: Sequence[Point]
    style: str = "s1"


@dataclass(frozen=True)
class Mark:
    """Something that happened at x."""

    x: float
    sign: str
    style: str


@dataclass(frozen=True)
class ChartOptions:
    log_axis: bool = False
    smooth: bool = False
    ascii_only: bool = False
    x_end: float | None = None
    marks: Sequence[Mark] = field(default=())


def draw(title: str, curves: Sequence[Curve], width: int, height: int, options: ChartOptions) -> list[Line]:
    """Exactly `height` lines: title, plot, marks and x axis."""
    curves = [
        Curve(curve.name, smoothed(curve.points) if options.smooth else curve.points, curve.style) for curve in curves
    ]
    curves = [curve for curve in curves if curve.points]
    plot_width, plot_height = width - GUTTER - 1, height - (3 if options.marks else 2)
    head = _head(title, curves, width, options)
    if not curves or plot_width < 4 or plot_height < 1:
        empty = "no points yet" if not curves else "too small"
        return [head, line((cut("  " + empty, width), "dim")), *[()] * max(0, height - 2)][:height]
    low, high, ticks, is_log = y_axis(curves, plot_height, options.log_axis)
    x_start, x_end = x_axis(curves, options.x_end)
    canvas = Canvas(plot_width, plot_height, options.ascii_only)
    for curve in curves:
        _plot(canvas, curve, (x_start, x_end), (low, high), is_log)
    body = _with_labels(canvas, ticks, low, high, is_log)
    marks = [_marks_row(options.marks, x_start, x_end, plot_width)] if options.marks else []
    return [head, *body, *marks, _x_labels(x_start, x_end, plot_width)]


def _head(title: str, curves: Sequence[Curve], width: int, options: ChartOptions) -> Line:
    flags = " log" * options.log_axis + " smooth" * options.smooth
    if width < 24:
        return line((cut(f" {title}", width), "title"))
    if len(curves) == 1:
        last = f" {number(curves[0].points[-1][3])}"
        return line((cut(f" {title}", max(4, width - len(last) - len(flags))), "title"), (last, "bold"), (flags, "dim"))
    return line((cut(f" {title}", width - len(flags)), "title"), (flags, "dim"))


def smoothed(points: Sequence[Point], weight: float = 0.9) -> list[Point]:
    """Exponential moving average of the means, corrected for its start (as TensorBoard does)."""
    average, norm = 0.0, 0.0
    found = []
    for x, _low, _high, mean in points:
        average, norm = weight * average + (1 - weight) * mean, weight * norm + (1 - weight)
        value = average / norm
        found.append((x, value, value, value))
    return found


def y_axis(curves: Sequence[Curve], rows: int, log_axis: bool) -> tuple[float, float, list[float], bool]:
    """(low, high, ticks, whether logarithmic); on a log axis low, high and ticks are powers of ten's exponents."""
    low = min(point[1] for curve in curves for point in curve.points)
    high = max(point[2] for curve in curves for point in curve.points)
    is_log = log_axis and low > 0
    if is_log:
        low, high = math.log10(low), math.log10(high)
    if high - low < 1e-12 * max(1.0, abs(high)):
        pad = abs(high) * 0.05 or 0.5
        low, high = low - pad, high + pad
    step = nice((high - low) / max(1.5, min(5, rows / 2.5)))
    low, high = math.floor(low / step * 4 + 1e-9) * step / 4, math.ceil(high / step * 4 - 1e-9) * step / 4
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return low, high, [index * step for index in range(first, last + 1)], is_log


def nice(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((factor * power for factor in (1, 2, 2.5, 5, 10) if value <= factor * power * (1 + 1e-9)), 10 * power)


def x_axis(curves: Sequence[Curve], known_end: float | None) -> tuple[float, float]:
    """From the first point (0 where it is near) to the known end of the run, or to a round number beyond the last
    point.
    """
    first = min(curve.points[0][0] for curve in curves)
    last = max(curve.points[-1][0] for curve in curves)
    start = 0.0 if 0 <= first <= 0.2 * max(last, 1) else first
    if known_end and known_end >= last and known_end < 50 * max(last - start, 1):
        return start, max(known_end, start + 1)
    power = 10.0 ** math.floor(math.log10(max(last, 1)))
    end = next(factor * power for factor in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 20) if last <= factor * power)
    return start, max(end, start + 1)


def _plot(
    canvas: Canvas, curve: Curve, x_range: tuple[float, float], y_range: tuple[float, float], is_log: bool
) -> None:
    x_scale = (canvas.columns - 1) / (x_range[1] - x_range[0])
    y_scale = (canvas.rows - 1) / (y_range[1] - y_range[0])

    def row(value: float) -> int:
        value = math.log10(max(value, 1e-300)) if is_log else value
        return round((y_range[1] - value) * y_scale)

    columns: dict[int, tuple[int, int, int]] = {}  # dot column: (top, bottom, row of the newest mean)
    for x, low, high, mean in curve.points:
        column = round((x - x_range[0]) * x_scale)
        at = row(mean)
        top, bottom = (at, at) if low == high else (row(high), row(low))
        if column in columns:
            top, bottom = min(top, columns[column][0]), max(bottom, columns[column][1])
        columns[column] = (top, bottom, at)
    previous: tuple[int, int] | None = None
    for column, (top, bottom, at) in columns.items():
        if previous is not None:
            _connect(canvas, previous, (column, at), curve.style)
        canvas.column(column, top, bottom, curve.style)
        previous = (column, at)


def _connect(canvas: Canvas, start: tuple[int, int], end: tuple[int, int], style: str) -> None:
    """A straight line between two points, a stroke a column."""
    (x0, y0), (x1, y1) = start, end
    steps = x1 - x0
    for x in range(x0, x1 + 1):
        if steps <= 0:
            break
        above = y0 + (y1 - y0) * max(0.0, (x - x0 - 0.5)) / steps
        below = y0 + (y1 - y0) * min(steps, (x - x0 + 0.5)) / steps
        canvas.column(x, round(above), round(below), style)


def _with_labels(canvas: Canvas, ticks: list[float], low: float, high: float, is_log: bool) -> list[Line]:
    labels: dict[int, str] = {}
    for tick in ticks:
        row = round((high - tick) / (high - low) * (canvas.height - 1))
        labels[row] = number(10**tick if is_log else _rounded(tick))
    lines = []
    for index, spans in enumerate(canvas.lines()):
        label = fit_right(labels.get(index, ""), GUTTER - 1)
        lines.append((Span(f"{label} ", "dim"), Span("┤" if index in labels else "│", "dim"), *spans))
    return lines


def _rounded(value: float) -> float:
    return 0.0 if abs(value) < 1e-12 else float(f"{value:.10g}")


def _marks_row(marks: Sequence[Mark], x_start: float, x_end: float, width: int) -> Line:
    cells: list[tuple[str, str]] = [(" ", "")] * width
    for mark in marks:
        at = round((mark.x - x_start) / (x_end - x_start) * (width - 1))
        if 0 <= at < width:
            cells[at] = (mark.sign, mark.style)
    return line((" " * (GUTTER + 1), ""), *merged(cells))


def merged(cells: Sequence[tuple[str, str]]) -> list[Span]:
    """Neighbouring pieces of one style as one span."""
    spans: list[Span] = []
    for text, style in cells:
        if spans and spans[-1].style == style:
            spans[-1] = Span(spans[-1].text + text, style)
        else:
            spans.append(Span(text, style))
    return spans


def _x_labels(x_start: float, x_end: float, width: int) -> Line:
    labels = [number(_rounded(x_start + (x_end - x_start) * part)) for part in (0, 0.5, 1)]
    left, middle, right = (
        str(int(float(label))) if float(label).is_integer() and abs(float(label)) < 1e6 else label for label in labels
    )
    text = (
        left + middle.center(max(0, width - len(left) - len(right))) + right
        if width > 24
        else left + right.rjust(max(0, width - len(left)))
    )
    return line((" " * GUTTER + "└" + text[:width], "dim"))


def bar(share: float | None, width: int, style: str = "accent") -> list[Span]:
    """A progress bar; dotted where the share is unknown."""
    if width <= 0:
        return []
    if share is None:
        return [Span("·" * width, "dim")]
    full = round(share * width)
    return [Span("━" * full, style), Span("─" * (width - full), "dim")]


def strip_chart(points: Sequence[Point], width: int, ascii_only: bool = False, style: str = "s1") -> Line:
    """A curve in one row, without axes."""
    if not points or width < 2:
        return ()
    canvas = Canvas(width, 1, ascii_only)
    curve = Curve("", points, style)
    low, high = min(point[1] for point in points), max(point[2] for point in points)
    _plot(
        canvas,
        curve,
        (points[0][0], max(points[-1][0], points[0][0] + 1)),
        (low, high if high > low else low + 1),
        False,
    )
    return canvas.lines()[0]


__all__ = [
    "GUTTER",
    "ChartOptions",
    "Curve",
    "Mark",
    "bar",
    "draw",
    "merged",
    "nice",
    "smoothed",
    "strip_chart",
    "width_of",
    "x_axis",
    "y_axis",
]
