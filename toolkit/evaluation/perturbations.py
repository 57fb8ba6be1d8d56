"""Answers damaged on purpose, each in one way, to see which metric notices: what a metric does not notice it does not
measure.
"""

from __future__ import annotations

import random
import re

from toolkit.damage import Damage, Ways, damaged_text
from toolkit.evaluation.steps import render_steps, step_texts

PERTURBATIONS: dict[Damage, str] = {
    "shuffle": "the steps in another order",
    "drop": "a third of the steps left out",
    "duplicate": "one step written twice",
    "negate": "one step tells to do the opposite",
    "foreign": "one step replaced by a step of another answer",
    "unnumber": "the numbers taken away",
}
_NEGATIONS = (
    (re.compile(r"\b(do not|don['’]t|never|jangan)\s+", re.IGNORECASE), ""),
    (re.compile(r"\b(is|are|can|should|must|will)\b(?! not)", re.IGNORECASE), r"\1 not"),
)


def perturb(kind: Damage, text: str, other: str, seed: int) -> str | None:
    """The answer damaged in this way; None where it cannot be (a single step cannot be shuffled).

    `other` is another item's answer, for `foreign`. The steps are written out as a plain list, numbers in order.
    """
    steps = step_texts(text)
    if len(steps) < 2:
        return None
    generator = random.Random(f"{kind}|{seed}|{text}")
    ways = Ways(_shuffled, _third_left_out, _negated, render_steps)
    return damaged_text(kind, steps, step_texts(other), generator.randrange(len(steps)), ways, generator)


def _third_left_out(steps: list[str], _: int, generator: random.Random) -> list[str]:
    left_out = set(generator.sample(range(len(steps)), max(1, len(steps) // 3)))
    return [step for index, step in enumerate(steps) if index not in left_out]


def _shuffled(steps: list[str], generator: random.Random) -> list[str] | None:
    if len(set(steps)) < 2:
        return None
    shuffled = steps
    while shuffled == steps:
        shuffled = generator.sample(steps, len(steps))
    return shuffled


def _negated(step: str) -> str:
    """The step with its first negation taken out or its first verb negated; "Do not" before it if neither is found."""
    for pattern, replacement in _NEGATIONS:
        if pattern.search(step):
            changed = pattern.sub(replacement, step, count=1)
            return changed[:1].upper() + changed[1:]
    return f"Do not {step[:1].lower()}{step[1:]}"
