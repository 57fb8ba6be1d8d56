"""What the report shows, taken from results.json: charts, the items worth reading, and the limits of these very
numbers.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from markupsafe import Markup

from toolkit.evaluation.charts import IntervalRow, axis_range, interval_chart
from toolkit.evaluation.rouge import tokenizer_for
from toolkit.evaluation.verdict_words import signed
from toolkit.results.document import Comparison, Item, Results, Sensitivity, System, VarianceSplit
from toolkit.results.guard import GuardAnswer
from toolkit.results.metrics import ALPHA, HUMAN, LABELS, PRIMARY
from toolkit.results.parts import Interval
from toolkit.results.study import StudyResults

EXAMPLES = 10
SHOWN_CHARACTERS = 3_000
_FEW_GROUPS = 30
LEAST_DROP = 0.05  # of a score: what a metric that notices a kind of damage loses by it
_SKEWED = 1.0
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    """The text as shown in a report: control characters replaced, very long texts cut with a note."""
    rest = len(text) - SHOWN_CHARACTERS
    note = f"\n[… {rest:,} more characters; results.json has the whole text]" if rest > 0 else ""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))[:SHOWN_CHARACTERS] + note


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".replace("-", "−")


def interval(value: Interval | None) -> str:
    return "" if value is None else f"{number(value[0])} to {number(value[1])}".replace("-", "−")


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def variance_share(row: VarianceSplit, source: str) -> str:
    """What a source has of a difference's variance; a dash where it was not repeated."""
    parts = {"items": row.items, "training": row.training, "decode": row.decode}
    total = sum(part for part in parts.values() if part is not None)
    found = parts[source]
    return "–" if found is None or not total else percent(found / total)


def probability(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def differences_chart(results: Results, system: str) -> Markup:
    """Forest plot of a system's paired differences from the baseline, each with the floors' difference."""
    rows = [
        IntervalRow(
            LABELS[row.metric],
            _difference_words(row),
            row.difference,
            row.ci95,
            row.floor_difference,
            row.conclusion,
        )
        for row in results.comparisons
        if row.a == system and row.difference is not None
    ]
    low, high = axis_range(rows)
    return interval_chart(
        rows, f"Paired differences of {system} from {results.comparisons[0].b}", low, high, mark_zero=True
    )


def means_chart(results: Results, metric: str) -> Markup:
    """Every system's mean of one metric with interval and floor, from 0 to 1."""
    rows = []
    for index, (name, system) in enumerate(results.systems.items()):
        values = system.metrics[metric]
        if values.mean is not None:
            colour = f"s{index % 5}" if name != HUMAN else "human"
            rows.append(
                IntervalRow(
                    name,
                    (f"{number(values.mean)} ({interval(values.ci95)})" if values.ci95 else number(values.mean)),
                    values.mean,
                    values.ci95,
                    values.floor,
                    colour,
                )
            )
    lowest = min(
        (
            end
            for row in rows
            for end in (row.value, *(row.interval or ()), *([row.floor] if row.floor is not None else []))
        ),
        default=0.0,
    )
    return interval_chart(rows, f"{LABELS[metric]} of each system", 0.0 if lowest >= 0 else -1.0, 1.0)


def human_chart(study: StudyResults, criterion: str) -> Markup:
    """Every system's mean rating of one criterion with its crossed interval, over the whole scale."""
    rows = []
    for index, name in enumerate(study.systems):
        found = study.means.get(name, {}).get(criterion)
        if found is not None:
            ends = found.ci95
            words = f"{found.mean:.2f}" + (f" ({ends[0]:.2f} to {ends[1]:.2f})" if ends else "")
            rows.append(IntervalRow(name, words, found.mean, ends, None, f"s{index % 5}" if name != HUMAN else "human"))
    return interval_chart(rows, f"{criterion}: mean rating of each system", *study.scale)


def sensitivity_table(results: Results) -> tuple[list[str], list[tuple[str, list[Sensitivity | None]]]]:
    """Metrics, and for each kind of damage its row of drops in that order."""
    rows = results.sensitivity
    metrics = list(dict.fromkeys(row.metric for row in rows))
    found = {(row.perturbation, row.metric): row for row in rows}
    kinds = dict.fromkeys(row.perturbation for row in rows)
    return metrics, [(kind, [found.get((kind, metric)) for metric in metrics]) for kind in kinds]


def noticed(row: Sensitivity | None) -> str:
    """Whether a metric reacts to a kind of damage: `yes` if it falls by LEAST_DROP or more, by the drop's interval;
    `little` if it is only shown to fall, `no` if it is not, `unknown` without an interval.
    """
    if row is None or row.drop is None or row.ci95 is None:
        return "unknown"
    return "yes" if row.ci95[0] >= LEAST_DROP else "little" if row.ci95[0] > 0 else "no"


class RankedItem(NamedTuple):
    """An item, and by how much a system is better there."""

    item: Item
    gain: float


def extreme_items(results: Results) -> tuple[list[RankedItem], list[RankedItem], str]:
    """The best and the worst items, and in words by what: the paired ROUGE-L difference, or the score of a single
    system.
    """
    compared = [row for row in results.comparisons if row.metric == PRIMARY]
    name = compared[-1].a if compared else next(iter(results.systems))
    other = compared[-1].b if compared else None
    items = [
        RankedItem(item, _primary(item, name) - (_primary(item, other) if other else 0.0)) for item in results.items
    ]
    ordered = sorted(items, key=lambda ranked: (-ranked.gain, ranked.item.id))
    half = min(EXAMPLES, len(ordered) // 2)
    by = f"{LABELS[PRIMARY]} of {name} minus {other}" if other else f"{LABELS[PRIMARY]} of {name}"
    return ordered[: half or 1], ordered[::-1][:half], by


def _primary(item: Item, system: str) -> float:
    return item.scores[system][PRIMARY] or 0.0  # every answer of a system has it; only references may have none


def lost_answers(results: Results) -> list[GuardAnswer]:
    """Items of the guard that the system of the verdict lost, with all answers, at most EXAMPLES."""
    claim = results.guard.claim_of(results.verdict.system) if results.guard else None
    if results.guard is None or claim is None:
        return []
    return [answer for answer in results.guard.answers if answer.id in claim.lost][:EXAMPLES]


def limits(results: Results) -> list[str]:
    """What a reader should hold against these numbers."""
    environment = results.environment
    found = [
        (
            f"{LABELS[PRIMARY]} and BERTScore measure likeness to one reference answer each, not whether the steps are"
            " right, safe or complete; a good answer in other words scores low."
        ),
        (
            "What a system scores against other items' references (the floor of ROUGE-L and BERTScore) is length and"
            " house style; only what lies above it is about the question."
        ),
    ]
    if _loses_letters(results):
        found.append(
            f"{LABELS[PRIMARY]} was computed with the ascii tokenizer, which loses most letters of these answers; use"
            " rouge_tokenizer=auto or unicode."
        )
    if results.study is None:
        found.append(
            "No person has judged these answers: join a blind study (`study_results`) before you call one system"
            " better."
        )
    if results.contamination:
        found.append(results.contamination.text)
    if results.guard:
        found.append(
            f"General ability is {results.guard.claims[0].n} items of this project that are checked by rule: it shows"
            " that following instructions, refusing and simple facts broke or did not, not how able a model is; other"
            " abilities and other languages than English and Indonesian are not asked."
        )
    if results.judge and not results.judge.against_humans:
        found.append(
            "The judge model's verdicts are in results.json but not shown: without a joined study nobody knows how far"
            " to trust them."
        )
    if environment.groups < _FEW_GROUPS:
        found.append(_few_groups(environment.groups, len(results.comparisons)))
    if skewed := [row for row in results.comparisons if abs(row.skewness or 0.0) > _SKEWED]:
        named = ", ".join(f"{LABELS[row.metric]} ({row.a})" for row in skewed)
        found.append(
            f"Skewed differences above the floor: {named}. Intervals and tests allow for what skewness is seen, and for"
            " some that is not; rare great losses that no row shows can still be missed."
        )
    if results.systems[HUMAN].metrics[PRIMARY].mean is None:
        found.append(
            "Each item has one human answer, which is not scored against itself: there is no human ceiling for"
            " likeness."
        )
    for name, system in results.systems.items():
        found.extend(_limits_of(name, system, environment.items))
    return found


def _loses_letters(results: Results) -> bool:
    metric = next(iter(results.systems.values())).metrics[PRIMARY]
    return "tokenizer:ascii" in metric.signature and tokenizer_for(item.reference for item in results.items) != "ascii"


def _few_groups(groups: int, tests: int) -> str:
    """What so few groups can show at all: a test by signs has 2 to the power of groups patterns."""
    least = 2 ** (1 - groups)
    if tests and least * tests > ALPHA:
        return (
            f"Only {groups} independent groups of items: the smallest p that they can give is {min(1.0, least):.2g},"
            f" and {min(1.0, least * tests):.2g} after Holm's correction over {tests} tests, so nothing could be shown"
            " whatever the answers are."
        )
    return (
        f"Only {groups} independent groups of items: intervals are wide, and hold less surely where values are skewed."
    )


def _limits_of(name: str, system: System, items: int) -> list[str]:
    description = system.descriptive
    found = [
        f"{name}: {LABELS[metric]} is not defined for {values.undefined} of {items} outputs; they are left out of"
        " its mean."
        for metric, values in system.metrics.items()
        if values.undefined and metric in LABELS
    ]
    trainings = {run.training for run in system.runs or []}
    if len(trainings) > 1 and not system.same_data:
        found.append(f"{name}: nothing says that its {len(trainings)} trainings saw the same data.")
    if description.finish_reason_missing:
        found.append(
            f"{name}: {description.finish_reason_missing} of {items} predictions have no finish_reason and count as"
            " cut off in format conformance."
        )
    if description.empty:
        found.append(
            f"{name}: {description.empty} of {items} outputs are empty and score 0 in ROUGE-L, BERTScore and step F1."
        )
    if description.bertscore_truncated:
        found.append(
            f"{name}: {description.bertscore_truncated} of {items} outputs are longer than the BERTScore encoder"
            " reads and were cut for that metric."
        )
    return found


def _difference_words(row: Comparison) -> str:
    return (
        f"{signed(row.difference)} ({signed(row.ci95[0])} to {signed(row.ci95[1])})"
        if row.ci95
        else signed(row.difference)
    )
