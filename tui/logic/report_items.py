"""The items of a report: a line in the list each, and one item whole with all answers side by side."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.results.document import Item
from toolkit.results.metrics import PRIMARY
from toolkit.terminal.layout import cut, fit, fit_right, wrap
from toolkit.terminal.text import clean, clean_text
from tui.logic.lines import Line, Span, line
from tui.logic.report import METRIC_NAMES

MIN_COLUMN = 22


def item_line(item: Item, systems: Sequence[str], width: int) -> Line:
    """One item of the list: its id, question, and the ROUGE-L of each system."""
    cells = []
    for system in systems:
        value = item.scores.get(system, {}).get(PRIMARY)
        cells.append((fit_right("-" if value is None else f"{value:.2f}", 9), ""))
    question = clean(item.prompt)
    name = fit(cut(f" {clean(item.id)}", 16), 17)
    return line((name, "dim"), fit(cut(question, width - 18 - 9 * len(cells)), width - 17 - 9 * len(cells)), *cells)


def item_columns(item: Item, width: int, first: str = "") -> list[Line]:
    """Question on top; the reference and each system's answer side by side, with scores under them.

    The answer of `first` stands next to the reference, where a small terminal shows it without scrolling too.
    """
    answers = {clean(name): clean_text(text) for name, text in _first(item.outputs, first)}
    columns = {"reference": clean_text(item.reference), **answers}
    shown = max(1, min(len(columns), width // MIN_COLUMN))
    column_width = (width - 3 * (shown - 1)) // shown
    head = [line((part, "bold")) for part in wrap(clean_text(item.prompt), width)]
    lines = [*head, ()]
    names = list(columns)
    for start in range(0, len(names), shown):
        group = names[start : start + shown]
        bodies = [wrap(columns[name], column_width) for name in group]
        lines.append(_side_by_side([(name, "title") for name in group], column_width))
        for index in range(max(map(len, bodies))):
            lines.append(
                _side_by_side([(body[index] if index < len(body) else "", "") for body in bodies], column_width)
            )
        lines.append(())
        for score_row in _score_rows(item, group):
            lines.append(_side_by_side([(text, "dim") for text in score_row], column_width))
        lines.append(())
    return lines


def _first(outputs: dict[str, str], first: str) -> list[tuple[str, str]]:
    return sorted(outputs.items(), key=lambda pair: pair[0] != first)


def _side_by_side(cells: list[tuple[str, str]], width: int) -> Line:
    spans: list[Span] = []
    for index, (text, style) in enumerate(cells):
        if index:
            spans.append(Span(" │ ", "dim"))
        spans.append(Span(fit(text, width), style))
    return line(*spans)


def _score_rows(item: Item, group: list[str]) -> list[list[str]]:
    metrics = list(dict.fromkeys(name for system in item.scores.values() for name in system))
    rows = []
    for metric in metrics:
        values = [item.scores.get(name, {}).get(metric) for name in group]
        if any(value is not None for value in values):
            rows.append(
                ["" if value is None else f"{METRIC_NAMES.get(metric, clean(metric))} {value:.3f}" for value in values]
            )
    failed = [clean(", ".join(item.failed_checks.get(name, []))) for name in group]
    if any(failed):
        rows.append([f"failed: {checks}" if checks else "" for checks in failed])
    return rows
