"""An evaluation for people who do not know the metrics: what was learnt, what was not shown, and one example.

Nothing is computed here that results.json does not hold: a claim is what a comparison shows, by the verdict's own rule.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from toolkit.results.document import Comparison, Item, Results
from toolkit.results.fault_words import FAULT_WORDS
from toolkit.results.metrics import PRIMARY
from toolkit.results.worst_slice import worst_slice

# What a comparison shows that is `better`, by metric; the others of the family say the same in other units.
CLAIMS = {
    "format_conformance": "to answer with one clean numbered list",
    "rouge_l": "to use the words of the right answer to this question",
    "step_f1": "to name the right steps",
    "order_tau": "to put its steps in the right order",
}
FORMAT = "format_conformance"


@dataclass(frozen=True)
class Example:
    """One question with the answers of the two systems that were compared, named as in results.json."""

    prompt: str
    answers: dict[str, str]


def plain_words(results: Results) -> list[str]:
    """Sentences on the last comparison, for the commonest language of the questions; [] where nothing was compared."""
    rows = _last_comparison(results)
    if not rows:
        return []
    tuned, baseline = rows[0].a, rows[0].b
    learnt = [claim for metric, claim in CLAIMS.items() if (row := _row(rows, metric)) and row.conclusion == "better"]
    open_ = [claim for metric, claim in CLAIMS.items() if claim not in learnt and _row(rows, metric)]
    said = f"{tuned} learnt {_joined(learnt)}" if learnt else f"{tuned} was not shown to do better than {baseline}"
    not_shown = f"; not shown: that it learnt {_joined(open_)}" if learnt and open_ else ""
    weak = worst_slice(results.slices, tuned)
    return [
        f"{said}{not_shown}.",
        _format_by_language(results, tuned, baseline),
        *([f"Weakest: {weak}."] if weak else []),
        *_faults(results, tuned, baseline),
    ]


def typical_example(results: Results) -> Example | None:
    """The question with the median gain in the primary metric, in the commonest language; None without a comparison."""
    rows = _last_comparison(results)
    if not rows:
        return None
    tuned, baseline = rows[0].a, rows[0].b
    language = _languages(results)[0][0]
    gains = sorted(
        (gain, index)
        for index, item in enumerate(results.items)
        if item.language == language and (gain := _gain(item, tuned, baseline)) is not None
    )
    if not gains:
        return None
    item = results.items[gains[len(gains) // 2][1]]
    return Example(item.prompt, {name: item.outputs[name] for name in (baseline, tuned)})


def _last_comparison(results: Results) -> list[Comparison]:
    """All metrics of the pair that was compared last, the one that the verdict is about."""
    pairs = [(row.a, row.b) for row in results.comparisons]
    return [row for row in results.comparisons if (row.a, row.b) == pairs[-1]]


def _row(rows: list[Comparison], metric: str) -> Comparison | None:
    return next((row for row in rows if row.metric == metric), None)


def _languages(results: Results) -> list[tuple[str | None, int]]:
    """Languages of the questions with their counts, the commonest first."""
    return Counter(item.language for item in results.items).most_common()


def _format_by_language(results: Results, tuned: str, baseline: str) -> str:
    parts = []
    for language, count in _languages(results):
        items = [item for item in results.items if item.language == language]
        shares = [round(sum(item.scores[name].get(FORMAT) or 0.0 for item in items)) for name in (tuned, baseline)]
        parts.append(f"{shares[0]} of {count} ({baseline} {shares[1]})" + (f" in {language}" if language else ""))
    return f"Clean numbered lists from {tuned}: {', '.join(parts)}."


def _faults(results: Results, tuned: str, baseline: str) -> list[str]:
    """How often which fault occurs, each with a question where it does."""
    prompts = {item.id: item.prompt for item in results.items}
    return [
        f"{row.count_a} of {row.n} answers {FAULT_WORDS[row.fault]} ({baseline} {row.count_b}), for example to:"
        f" {prompts.get(row.example or '', '')}"
        for row in results.faults
        if (row.a, row.b) == (tuned, baseline) and row.count_a
    ]


def _gain(item: Item, tuned: str, baseline: str) -> float | None:
    after, before = (item.scores[name].get(PRIMARY) for name in (tuned, baseline))
    return None if after is None or before is None else after - before


def _joined(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
