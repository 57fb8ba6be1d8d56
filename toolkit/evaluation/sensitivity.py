"""What each metric does when human answers are damaged on purpose, scored against the undamaged ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from toolkit.damage import Damage
from toolkit.evaluation.bertscore import Pair
from toolkit.evaluation.inputs import TestItem
from toolkit.evaluation.intervals import Floats, cluster, mean_interval
from toolkit.evaluation.perturbations import PERTURBATIONS, perturb
from toolkit.evaluation.scoring import TextMetrics, conformance
from toolkit.evaluation.step_scores import StepMatcher
from toolkit.evaluation.steps import render_steps, step_texts
from toolkit.options.evaluation import MetricOptions
from toolkit.results.document import Sensitivity
from toolkit.results.metrics import reach_of


@dataclass(frozen=True)
class Damaged:
    """A human answer as a plain list, and the same damaged in one way."""

    item: TestItem
    plain: str
    text: str


def damage(items: list[TestItem], options: MetricOptions) -> dict[Damage, list[Damaged]]:
    """At most `sensitivity_items` human answers, chosen by the seed, damaged in each way that their steps allow."""
    generator = random.Random(options.seed)
    chosen = generator.sample(items, min(options.sensitivity_items, len(items)))
    others = chosen[1:] + chosen[:1]
    return {kind: list(_damaged(kind, chosen, others, options.seed)) for kind in PERTURBATIONS}


def damaged_pairs(damaged: dict[Damage, list[Damaged]]) -> list[Pair]:
    """Every pair that will be scored: each answer before and after against itself before."""
    return [
        (text, answer.plain)
        for answers in damaged.values()
        for answer in answers
        for text in (answer.plain, answer.text)
    ]


def measure_sensitivity(
    damaged: dict[Damage, list[Damaged]], metrics: TextMetrics, matcher: StepMatcher, options: MetricOptions
) -> list[Sensitivity]:
    """Mean and drop of every metric for every kind of damage, as rows of results.json."""
    rows = []
    for kind, answers in damaged.items():
        before, after = (
            _scores([(getattr(answer, side), answer.plain) for answer in answers], metrics, matcher, options)
            for side in ("plain", "text")
        )
        groups = [answer.item.group for answer in answers]
        rows += [_row(kind, name, before[name], after[name], groups, options) for name in before]
    return rows


def _damaged(kind: Damage, chosen: list[TestItem], others: list[TestItem], seed: int) -> Iterator[Damaged]:
    for item, other in zip(chosen, others, strict=True):
        text = perturb(kind, item.reference, other.reference if other is not item else "", seed)
        if text is not None:
            yield Damaged(item, render_steps(step_texts(item.reference)), text)


def _scores(pairs: list[Pair], metrics: TextMetrics, matcher: StepMatcher, options: MetricOptions) -> dict[str, Floats]:
    rouge, rouge_sum, bert = metrics.rouge(pairs), metrics.rouge_lsum(pairs), metrics.bertscore(pairs)
    aligned = [matcher.align(*pair) for pair in pairs]
    return {
        "rouge_l": np.array([rouge[pair] for pair in pairs]),
        "rouge_lsum": np.array([rouge_sum[pair] for pair in pairs]),
        "bertscore_f1": np.array([bert[pair].f1 for pair in pairs]),
        "format_conformance": np.array([float(conformance(output, "stop", options).conforms) for output, _ in pairs]),
        "step_f1": np.array([found.f1 for found in aligned]),
        "order_tau": np.array([found.tau for found in aligned]),
    }


def _row(
    kind: str, metric: str, before: Floats, after: Floats, groups: list[str], options: MetricOptions
) -> Sensitivity:
    defined = np.flatnonzero(~np.isnan(before) & ~np.isnan(after))
    row = Sensitivity(perturbation=kind, metric=metric, mean=None, drop=None, ci95=None, n=len(defined))
    if not len(defined):
        return row
    drops = cluster((before - after)[defined], [groups[index] for index in defined])
    row.mean, row.drop = float(after[defined].mean()), drops.mean
    row.ci95 = mean_interval(drops, options.bootstrap_samples, options.seed, reach_of(metric, 1))
    return row
