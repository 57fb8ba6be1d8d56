"""The comparison of an evaluation as a table of plain text, for the command line."""

from __future__ import annotations

from toolkit.results.document import Metric, Results


def results_table(results: Results) -> str:
    """The comparison of an evaluation as text: system × metric with interval and floor, then the paired differences."""
    metrics = ("rouge_l", "bertscore_f1", "format_conformance")
    lines = [f"{'':<10}" + "".join(f"{name:<36}" for name in ("ROUGE-L", "BERTScore F1", "format conformance"))]
    for name, system in results.systems.items():
        lines.append(f"{name:<10}" + "".join(f"{_cell(system.metrics.get(metric)):<36}" for metric in metrics))
    for row in results.comparisons:
        if row.metric in metrics and row.ci95:
            low, high = row.ci95
            lines.append(f"{row.a} - {row.b}, {row.metric}: {row.difference:+.3f} [{low:+.3f}, {high:+.3f}], n {row.n}")
    return "\n".join(line.rstrip() for line in lines)


def _cell(metric: Metric | None) -> str:
    if metric is None or metric.mean is None:
        return "-" if metric is None or metric.floor is None else f"-     (floor {metric.floor:.3f})"
    interval = f" [{metric.ci95[0]:.3f}, {metric.ci95[1]:.3f}]" if metric.ci95 else ""
    floor = f" floor {metric.floor:.3f}" if metric.floor is not None else ""
    return f"{metric.mean:.3f}{interval}{floor}"
