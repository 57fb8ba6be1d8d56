"""A forest plot as lines: paired differences with their intervals around zero."""

from __future__ import annotations

import math

from toolkit.results.document import Comparison
from toolkit.results.parts import Interval
from toolkit.terminal.layout import fit, fit_right
from toolkit.terminal.text import clean
from tui.logic.lines import Line, Span, line
from tui.logic.report import METRIC_NAMES, Report


def forest_lines(report: Report, width: int) -> list[Line]:
    """Paired differences with their intervals around zero."""
    rows = [
        (row, row.difference, row.ci95)
        for row in report.comparisons
        if row.difference is not None and row.ci95 is not None
    ]
    if not rows:
        return [line(("no paired comparison in this report", "dim"))]
    label_width = min(38, max(len(_label(row)) for row, _, _ in rows) + 1)
    numbers_width = 30 if width >= 78 else 0
    plot = max(12, width - label_width - numbers_width - 1)
    reach = max(max(abs(low), abs(high), abs(mean)) for _, mean, (low, high) in rows) or 1.0
    reach = _round_up(reach)
    lines = [
        line(
            ("paired differences, 95 % interval", "title"),
            (f"   right of 0: the first is better   n {rows[0][0].n}", "dim"),
        )
    ]
    for row, mean, interval in rows:
        lines.append(
            line(
                fit(_label(row), label_width),
                *_forest_bar(mean, interval, plot, reach),
                *([_forest_numbers(row, mean, interval)] if numbers_width else []),
            )
        )
    scale = f"{-reach:+.3g}" + "0".center(plot - 2 * len(f"{reach:+.3g}")) + f"{reach:+.3g}"
    lines.append(line(" " * label_width, (scale, "dim")))
    return lines


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10.01) if value <= factor * power)


def _label(row: Comparison) -> str:
    metric = clean(row.metric)
    return f"{clean(row.a)} − {clean(row.b)} {METRIC_NAMES.get(metric, metric)}"


def _forest_bar(mean: float, interval: Interval, width: int, reach: float) -> list[Span]:
    def at(value: float) -> int:
        return min(width - 1, max(0, round((value + reach) / (2 * reach) * (width - 1))))

    low, high = interval
    style = "good" if low > 0 else "bad" if high < 0 else "warn"
    cells: list[tuple[str, str]] = [(" ", "")] * width
    cells[at(0.0)] = ("│", "dim")
    for index in range(at(low), at(high) + 1):
        cells[index] = ("─", style)
    cells[at(low)], cells[at(high)] = ("├", style), ("┤", style)
    cells[at(mean)] = ("●", style)
    return [Span(text, style_name) for text, style_name in cells]


def _forest_numbers(row: Comparison, mean: float, interval: Interval) -> Span:
    p = row.p if row.p_holm is None else row.p_holm
    text = f"{mean:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]"
    return Span(fit_right(text + (f" p {p:.2g}" if p is not None and len(text) < 23 else ""), 30))
