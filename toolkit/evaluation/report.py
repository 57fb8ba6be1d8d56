"""The report folder: results.json, report.md, report.html (one file, no script, no request) and model_card.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from toolkit.evaluation import report_view
from toolkit.evaluation.conformance import CHECKS
from toolkit.evaluation.perturbations import PERTURBATIONS
from toolkit.evaluation.rates import RATES
from toolkit.evaluation.verdict_words import signed
from toolkit.records import JSON, read_json, write_json, write_text
from toolkit.results.document import RESULTS_FILE, Results
from toolkit.results.metrics import COMPARED, HUMAN, LABELS

_TEMPLATES = Path(__file__).parent / "templates"
_MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")
_SHORT = 90
GUARD_OUTCOMES = {
    "kept": "kept",
    "fell": "lost some",
    "open": "not shown",
    "blind": "not shown: the baseline passes too few",
}
GEMMA_NOTE = (
    "The base model is a Gemma model: use and distribution of it and of models derived from it, this one included, are"
    " subject to the Gemma Terms of Use (https://ai.google.dev/gemma/terms) and its prohibited-use policy."
)


def write_report(folder: Path, results: Results, adapter: Path | None = None) -> None:
    """Write the four files; `adapter` is the adapter folder whose training.json goes into the model card."""
    training = (read_json(adapter / "training.json") or {}) if adapter else {}
    write_json(folder / RESULTS_FILE, results.to_json())
    write_text(folder / "report.md", render_markdown(results))
    write_text(folder / "report.html", render_html(results))
    write_text(folder / "model_card.md", render_model_card(results, training))


def render_html(results: Results) -> str:
    """The one-file HTML report. Everything that comes from data is escaped; the page's own policy forbids scripts."""
    best, worst, by = report_view.extreme_items(results)
    charts = {metric: report_view.means_chart(results, metric) for metric in COMPARED}
    forests = {
        row.a: report_view.differences_chart(results, row.a)
        for row in results.comparisons
        if row.difference is not None
    }
    study = results.study
    ratings = {criterion: report_view.human_chart(study, criterion) for criterion in study.criteria} if study else {}
    template = _environment(html=True).get_template("report.html.j2")
    return template.render(
        _common(results), best=best, worst=worst, by=by, charts=charts, forests=forests, ratings=ratings
    )


def render_markdown(results: Results) -> str:
    """The report for terminals and code hosts: the same order and numbers without pictures and long texts."""
    best, worst, by = report_view.extreme_items(results)
    return _environment(html=False).get_template("report.md.j2").render(_common(results), best=best, worst=worst, by=by)


def render_model_card(results: Results, training: JSON) -> str:
    """The model card of the last system that was compared, from training.json ({} if none was given)."""
    subject = results.comparisons[-1].a if results.comparisons else next(iter(results.systems))
    generation = results.systems[subject].generation or {}
    base = str(training.get("base_model") or training.get("model") or generation.get("model") or "")
    rows = [(key, value) for key, value in _flat(training) if key not in {"base_model", "model"}]
    gemma = GEMMA_NOTE if "gemma" in base.lower() else ""
    template = _environment(html=False).get_template("model_card.md.j2")
    return template.render(
        _common(results), subject=subject, base=base, training=rows, generation=_flat(generation), gemma=gemma
    )


def _common(results: Results) -> dict[str, Any]:
    metrics, damage = report_view.sensitivity_table(results)
    return {
        "results": results,
        "labels": LABELS,
        "compared": COMPARED,
        "checks": CHECKS,
        "rates": RATES,
        "damages": PERTURBATIONS,
        "has_runs": any(system.runs for system in results.systems.values()),
        "damage_metrics": metrics,
        "damage_rows": damage,
        "human": HUMAN,
        "prompts": {item.id: item.prompt for item in results.items},
        "guard_outcomes": GUARD_OUTCOMES,
        "guard_lost": report_view.lost_answers(results),
        "limits": report_view.limits(results),
    }


def _environment(html: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        number=report_view.number,
        interval=report_view.interval,
        p=report_view.probability,
        percent=report_view.percent,
        noticed=report_view.noticed,
        signed=signed,
        variance_share=report_view.variance_share,
        visible=report_view.visible,
        md=_markdown,
        quoted=_quoted,
    )
    return environment


def _markdown(value: object) -> str:
    """A value on one line of Markdown or in a table's cell, nothing of it taken for markup."""
    text = " ".join(report_view.visible(str(value)).split())
    short = text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"
    return _MARKDOWN_SIGNS.sub(r"\\\1", short)


def _quoted(value: object) -> str:
    """A text as a YAML scalar: JSON strings are YAML."""
    return Markup(json.dumps(str(value), ensure_ascii=False))


def _flat(values: JSON, prefix: str = "") -> list[tuple[str, Any]]:
    """Nested settings as (dotted name, value), lists of plain values in one entry."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows.extend(_flat(value, f"{prefix}{key}."))
        elif value is not None:
            rows.append((f"{prefix}{key}", value))
    return rows
