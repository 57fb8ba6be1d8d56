"""A report as the Results screen opens it: verdict, table of systems by metric, forest plot."""

from __future__ import annotations

from toolkit.results.document import Metric
from toolkit.terminal.layout import cut, fit, wrap
from toolkit.terminal.text import clean
from tui.logic.forest import forest_lines
from tui.logic.lines import Line, Span, line
from tui.logic.report import METRIC_NAMES, Report

INTERVAL_WIDTH = 22  # room for a mean with its interval
FLOOR_WIDTH = 35  # and for the floor next to it


def report_lines(report: Report, width: int) -> list[Line]:
    """Verdict, table and forest plot."""
    if report.problem:
        return [line((part, "bad")) for part in wrap(report.problem, width)]
    verdict = [line((part, "bold")) for part in wrap(report.verdict, width)] if report.verdict else []
    gap: list[Line] = [()] if verdict and width >= 100 else []  # 24 rows have none to spare
    return [*verdict, *gap, *table_lines(report, width), (), *forest_lines(report, width)]


def table_lines(report: Report, width: int) -> list[Line]:
    """System by metric: mean, 95 % interval and floor; metrics for which there is no room with their interval are named
    below.
    """
    metrics = report.metrics()
    if not metrics or not report.systems:
        return [line(("no metrics in this report", "dim"))]
    name_width = min(12, max(8, max(len(clean(name)) for name in report.systems) + 1))
    shown = metrics[: max(1, (width - name_width) // INTERVAL_WIDTH)]
    cell_width = (width - name_width) // len(shown)
    lines = [
        line(fit("", name_width), *((fit(METRIC_NAMES.get(name, clean(name)), cell_width), "title") for name in shown))
    ]
    has_floors = False
    for system, values in report.systems.items():
        found = [values.metrics.get(name) for name in shown]
        lines.append(
            line(
                (fit(clean(system), name_width), "bold"),
                *(span for metric in found for span in _metric_cell(metric, cell_width)),
            )
        )
        floors = [metric.floor if metric else None for metric in found]
        if any(floor is not None for floor in floors):
            has_floors = True
            if cell_width < FLOOR_WIDTH:
                cells = [fit("-" if floor is None else f"{floor:.3f}", cell_width) for floor in floors]
                lines.append(line((fit("  floor", name_width), "dim"), *((cell, "dim") for cell in cells)))
    if has_floors:
        lines.append(line((cut("floor: the same answers against other questions' references", width), "dim")))
    if left_out := metrics[len(shown) :]:
        lines.append(line((cut(f"also measured: {', '.join(map(clean, left_out))}", width), "dim")))
    return lines


def _metric_cell(metric: Metric | None, width: int) -> list[Span]:
    floor = metric.floor if metric else None
    if metric is None or metric.mean is None:
        return [
            Span(fit("-" + (f" floor {floor:.3f}" if floor is not None and width >= FLOOR_WIDTH else ""), width), "dim")
        ]
    parts, interval = [(f"{metric.mean:.3f}", "")], metric.ci95
    if interval and width >= INTERVAL_WIDTH:
        parts.append((f" [{interval[0]:.3f}, {interval[1]:.3f}]", "dim"))
    if floor is not None and width >= FLOOR_WIDTH:
        parts.append((f" floor {floor:.3f}", "dim"))
    used = sum(len(text) for text, _ in parts)
    return [Span(text, style) for text, style in parts] + [Span(" " * max(0, width - used))]
