"""An evaluation's results.json as the Results screen shows it: the table, a forest plot, and the items."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.records import JSON
from tui.logic.lines import Line, Span, line
from tui.logic.text import clean, clean_text, cut, fit, fit_right, wrap

METRIC_NAMES = {"rouge_l": "ROUGE-L", "bertscore_f1": "BERTScore F1", "format_conformance": "format", "step_f1": "step F1", "order_tau": "order τ"}
MAX_RESULTS_BYTES = 400 << 20
INTERVAL_WIDTH = 22  # room for a mean with its interval
FLOOR_WIDTH = 35  # and for the floor beside it


@dataclass(frozen=True)
class Report:
    """results.json, read leniently: what is missing is left out, what is damaged is said."""

    path: Path
    document: JSON
    problem: str = ""

    @property
    def systems(self) -> dict[str, JSON]:
        return _mappings(self.document.get("systems"))

    @property
    def comparisons(self) -> list[JSON]:
        found = self.document.get("comparisons")
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    @property
    def items(self) -> list[JSON]:
        found = self.document.get("items")
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    @property
    def verdict(self) -> str:
        verdict = self.document.get("verdict")
        if isinstance(verdict, dict):
            verdict = verdict.get("text") or verdict.get("sentence") or ""
        return clean(verdict or "")

    def metrics(self) -> list[str]:
        """Every metric that some system has, the best known first."""
        names = dict.fromkeys(name for system in self.systems.values() for name in _mappings(system.get("metrics")))
        return [*(name for name in METRIC_NAMES if name in names), *(name for name in names if name not in METRIC_NAMES)]


def _mappings(value: Any) -> dict[str, JSON]:
    return {name: item for name, item in value.items() if isinstance(item, dict)} if isinstance(value, dict) else {}


def find_results(run_path: Path, outputs: JSON) -> Path | None:
    """The results.json that a run's recorded outputs lead to."""
    report = outputs.get("report")
    with contextlib.suppress(OSError, TypeError, KeyError):
        if isinstance(report, dict):
            path = (run_path / str(report["path"])).resolve() / "results.json"
            return path if path.exists() else None
    return None


def load_report(path: Path) -> Report:
    """Never raises: a problem is part of the report."""
    try:
        if path.stat().st_size > MAX_RESULTS_BYTES:
            return Report(path, {}, f"{path} is larger than {MAX_RESULTS_BYTES >> 20} MiB; look at report.html instead.")
        document = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError, RecursionError) as error:
        return Report(path, {}, f"{path} cannot be read: {clean(error)}")
    if not isinstance(document, dict):
        return Report(path, {}, f"{path} holds {type(document).__name__}, expected the results of `steptune run evaluate`.")
    return Report(path, document)


def report_lines(report: Report, width: int) -> list[Line]:
    """Verdict, table and forest plot."""
    if report.problem:
        return [line((part, "bad")) for part in wrap(report.problem, width)]
    verdict = [line((part, "bold")) for part in wrap(report.verdict, width)] if report.verdict else []
    gap: list[Line] = [()] if verdict and width >= 100 else []  # 24 rows have none to spare
    return [*verdict, *gap, *table_lines(report, width), (), *forest_lines(report, width)]


def table_lines(report: Report, width: int) -> list[Line]:
    """System by metric: mean, 95 % interval and floor; metrics for which there is no room with their interval are named below."""
    metrics = report.metrics()
    if not metrics or not report.systems:
        return [line(("no metrics in this report", "dim"))]
    name_width = min(12, max(8, max(len(clean(name)) for name in report.systems) + 1))
    shown = metrics[: max(1, (width - name_width) // INTERVAL_WIDTH)]
    cell_width = (width - name_width) // len(shown)
    lines = [line(fit("", name_width), *((fit(METRIC_NAMES.get(name, clean(name)), cell_width), "title") for name in shown))]
    has_floors = False
    for system, values in report.systems.items():
        found = [_mappings(values.get("metrics")).get(name) for name in shown]
        lines.append(line((fit(clean(system), name_width), "bold"), *(span for metric in found for span in _metric_cell(metric, cell_width))))
        floors = [_finite((metric or {}).get("floor")) for metric in found]
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


def _metric_cell(metric: JSON | None, width: int) -> list[Span]:
    if not metric or _finite(metric.get("mean")) is None:
        floor = _finite((metric or {}).get("floor"))
        return [Span(fit("-" + (f" floor {floor:.3f}" if floor is not None and width >= FLOOR_WIDTH else ""), width), "dim")]
    mean = float(metric["mean"])
    interval: Any = metric.get("ci95")
    parts = [(f"{mean:.3f}", "")]
    if _is_interval(interval) and width >= INTERVAL_WIDTH:
        parts.append((f" [{interval[0]:.3f}, {interval[1]:.3f}]", "dim"))
    floor = _finite(metric.get("floor"))
    if floor is not None and width >= FLOOR_WIDTH:
        parts.append((f" floor {floor:.3f}", "dim"))
    used = sum(len(text) for text, _ in parts)
    return [Span(text, style) for text, style in parts] + [Span(" " * max(0, width - used))]


def forest_lines(report: Report, width: int) -> list[Line]:
    """Paired differences with their intervals around zero."""
    rows = [row for row in report.comparisons if _is_interval(row.get("ci95")) and _finite(row.get("difference")) is not None]
    if not rows:
        return [line(("no paired comparison in this report", "dim"))]
    label_width = min(38, max(len(_label(row)) for row in rows) + 1)
    numbers_width = 30 if width >= 78 else 0
    plot = max(12, width - label_width - numbers_width - 1)
    reach = max(max(abs(row["ci95"][0]), abs(row["ci95"][1]), abs(row["difference"])) for row in rows) or 1.0
    reach = _round_up(reach)
    lines = [line(("paired differences, 95 % interval", "title"), (f"   right of 0: the first is better   n {clean(rows[0].get('n', '-'))}", "dim"))]
    for row in rows:
        lines.append(line(fit(_label(row), label_width), *_forest_bar(row, plot, reach), *([_forest_numbers(row)] if numbers_width else [])))
    scale = f"{-reach:+.3g}" + "0".center(plot - 2 * len(f"{reach:+.3g}")) + f"{reach:+.3g}"
    lines.append(line(" " * label_width, (scale, "dim")))
    return lines


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10.01) if value <= factor * power)


def _label(row: JSON) -> str:
    metric = clean(row.get("metric", "?"))
    return f"{clean(row.get('a', '?'))} − {clean(row.get('b', '?'))} {METRIC_NAMES.get(metric, metric)}"


def _forest_bar(row: JSON, width: int, reach: float) -> list[Span]:
    def at(value: float) -> int:
        return min(width - 1, max(0, round((value + reach) / (2 * reach) * (width - 1))))

    low, high, mean = row["ci95"][0], row["ci95"][1], row["difference"]
    style = "good" if low > 0 else "bad" if high < 0 else "warn"
    cells: list[tuple[str, str]] = [(" ", "")] * width
    cells[at(0.0)] = ("│", "dim")
    for index in range(at(low), at(high) + 1):
        cells[index] = ("─", style)
    cells[at(low)], cells[at(high)] = ("├", style), ("┤", style)
    cells[at(mean)] = ("●", style)
    return [Span(text, style_name) for text, style_name in cells]


def _forest_numbers(row: JSON) -> Span:
    p = _finite(row.get("p_holm") if row.get("p_holm") is not None else row.get("p"))
    text = f"{row['difference']:+.3f} [{row['ci95'][0]:+.3f}, {row['ci95'][1]:+.3f}]"
    return Span(fit_right(text + (f" p {p:.2g}" if p is not None and len(text) < 23 else ""), 30))


def item_line(item: JSON, systems: Sequence[str], width: int) -> Line:
    """One item of the list: its id, question, and the ROUGE-L of each system."""
    scores = _mappings(item.get("scores"))
    cells = []
    for system in systems:
        value = _finite(scores.get(system, {}).get("rouge_l"))
        cells.append((fit_right("-" if value is None else f"{value:.2f}", 9), ""))
    question = clean(item.get("prompt", ""))
    name = fit(cut(f" {clean(item.get('id', '?'))}", 16), 17)
    return line((name, "dim"), fit(cut(question, width - 18 - 9 * len(cells)), width - 17 - 9 * len(cells)), *cells)


def item_columns(item: JSON, width: int) -> list[Line]:
    """Question on top; the reference and each system's answer side by side, with scores under them."""
    outputs = item.get("outputs")
    answers = {clean(name): clean_text(text) for name, text in outputs.items()} if isinstance(outputs, dict) else {}
    columns = {"reference": clean_text(item.get("reference", "")), **answers}
    shown = max(1, min(len(columns), width // 26))
    column_width = (width - 3 * (shown - 1)) // shown
    head = [line((part, "bold")) for part in wrap(clean_text(item.get("prompt", "")), width)]
    lines = [*head, ()]
    names = list(columns)
    for start in range(0, len(names), shown):
        group = names[start : start + shown]
        bodies = [wrap(columns[name], column_width) for name in group]
        lines.append(_side_by_side([(name, "title") for name in group], column_width))
        for index in range(max(map(len, bodies))):
            lines.append(_side_by_side([(body[index] if index < len(body) else "", "") for body in bodies], column_width))
        lines.append(())
        for score_row in _score_rows(item, group):
            lines.append(_side_by_side([(text, "dim") for text in score_row], column_width))
        lines.append(())
    return lines


def _side_by_side(cells: list[tuple[str, str]], width: int) -> Line:
    spans: list[Span] = []
    for index, (text, style) in enumerate(cells):
        if index:
            spans.append(Span(" │ ", "dim"))
        spans.append(Span(fit(text, width), style))
    return line(*spans)


def _score_rows(item: JSON, group: list[str]) -> list[list[str]]:
    scores, failed = _mappings(item.get("scores")), item.get("failed_checks")
    metrics = list(dict.fromkeys(name for system in scores.values() for name in system))
    rows = []
    for metric in metrics:
        values = [_finite(scores.get(name, {}).get(metric)) for name in group]
        if any(value is not None for value in values):
            rows.append(["" if value is None else f"{METRIC_NAMES.get(metric, clean(metric))} {value:.3f}" for value in values])
    if isinstance(failed, dict) and any(failed.get(name) for name in group):
        rows.append([f"failed: {clean(', '.join(map(str, failed[name])))}" if failed.get(name) else "" for name in group])
    return rows


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def _is_interval(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(_finite(part) is not None for part in value)
