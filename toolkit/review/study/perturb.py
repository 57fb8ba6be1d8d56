"""Control answers: a reference with one known fault, that an attentive rater marks down. Six kinds of fault."""

from __future__ import annotations

import itertools
import random
import re
from functools import partial

from toolkit.damage import Damage, Ways, damaged_text

# The criterion of the default plan that each fault lowers most.
LOWERED_CRITERION: dict[Damage, str] = {
    "shuffle": "clarity",
    "drop": "completeness",
    "duplicate": "completeness",
    "negate": "accuracy",
    "foreign": "accuracy",
    "unnumber": "format adherence",
}
_MARKER = re.compile(r"(?P<before>\s*(?:step\s+|langkah\s+)?)(?P<number>\d{1,3})(?P<after>[.):]\s+)", re.IGNORECASE)
_NOT = {"id": "Jangan ", "en": "Do not "}


def perturb(
    reference: str, kind: Damage, other_reference: str, generator: random.Random, language: str = "en"
) -> str | None:
    """The reference with this fault; None where it cannot have it (too few steps, no numbers).

    `other_reference` is the answer to another question, for the step that does not belong.
    """
    marker, steps = _steps_of(reference)
    if marker is None or len(steps) < 3:
        return None
    at = generator.randrange(1, len(steps) - 1)  # neither the first nor the last step: those are seen at once
    ways = Ways(
        _shuffled,
        lambda steps, at, _: steps[:at] + steps[at + 1 :],
        partial(_negated, language=language),
        partial(_rendered, marker),
    )
    return damaged_text(kind, steps, _steps_of(other_reference)[1], at, ways, generator)


def _steps_of(text: str) -> tuple[re.Match[str] | None, list[str]]:
    """The first marker, for its style, and the steps without their numbers; further lines of a step stay with it, text
    before the list is left out.
    """
    first: re.Match[str] | None = None
    steps: list[str] = []
    for line in text.splitlines():
        if match := _MARKER.match(line):
            first = first or match
            steps.append(line[match.end() :].strip())
        elif steps and line.strip():
            steps[-1] += f"\n{line}"
    return first, steps


def _rendered(marker: re.Match[str], steps: list[str]) -> str:
    return "\n".join(f"{marker['before']}{number}{marker['after']}{step}" for number, step in enumerate(steps, start=1))


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
