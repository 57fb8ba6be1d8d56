"""Control answers: a reference with one known fault, that an attentive rater marks down. Six kinds of fault."""

from __future__ import annotations

import itertools
import random
import re
from functools import partial

from toolkit.damage import Damage, Ways, damaged_text
from toolkit.numbering import find_marks, written

# The criterion of the default plan that each fault lowers most.
LOWERED_CRITERION: dict[Damage, str] = {
    "shuffle": "clarity",
    "drop": "completeness",
    "duplicate": "completeness",
    "negate": "accuracy",
    "foreign": "accuracy",
    "unnumber": "format adherence",
}
_NOT = {"id": "Jangan ", "en": "Do not "}


def perturb(
    reference: str, kind: Damage, other_reference: str, generator: random.Random, language: str = "en"
) -> str | None:
    """The reference with this fault; None where it cannot have it (too few steps, no numbers).

    `other_reference` is the answer to another question, for the step that does not belong.
    """
    style, steps = _steps_of(reference)
    if not style or len(steps) < 3:
        return None
    at = generator.randrange(1, len(steps) - 1)  # neither the first nor the last step: those are seen at once
    ways = Ways(
        _shuffled,
        lambda steps, at, _: steps[:at] + steps[at + 1 :],
        partial(_negated, language=language),
        partial(_rendered, style),
    )
    return damaged_text(kind, steps, _steps_of(other_reference)[1], at, ways, generator)


def _steps_of(text: str) -> tuple[str, list[str]]:
    """The style of the first mark ("" without one), and the steps without their numbers; further lines of a step stay
    with it, text before the list is left out.
    """
    style = ""
    steps: list[str] = []
    lines = text.splitlines()
    for line, mark in zip(lines, find_marks(lines), strict=True):
        if mark:
            style = style or mark.style
            steps.append(mark.rest)
        elif steps and line.strip():
            steps[-1] += f"\n{line}"
    return style, steps


def _rendered(style: str, steps: list[str]) -> str:
    return "\n".join(f"{written(style, number)} {step}" for number, step in enumerate(steps, start=1))


def _shuffled(steps: list[str], generator: random.Random) -> list[str]:
    """Another order with at least half of the steps out of place; a plain swap of neighbours could be harmless."""
    for _ in range(20):
        order = generator.sample(range(len(steps)), len(steps))
        if sum(place != at for place, at in enumerate(order)) * 2 >= len(steps) and any(
            b < a - 1 for a, b in itertools.pairwise(order)
        ):
            return [steps[place] for place in order]
    return steps[::-1]


def _negated(text: str, language: str) -> str:
    """The step as its opposite: `Tap Save.` becomes `Do not tap Save.`, and the other way round."""
    said_not = re.match(r"(?:do not|don't|never|jangan)\s+", text, re.IGNORECASE)
    if said_not:
        rest = text[said_not.end() :]
        return rest[:1].upper() + rest[1:]
    return _NOT.get(language, _NOT["en"]) + text[:1].lower() + text[1:]
