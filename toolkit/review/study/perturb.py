"""Control answers: a reference with one known fault, that an attentive rater marks down. Six kinds of fault."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import dataclass

KINDS = ("shuffle", "drop", "duplicate", "negate", "foreign", "unnumber")
# The criterion of the default plan that each fault offends most.
OFFENDS = {
    "shuffle": "clarity",
    "drop": "completeness",
    "duplicate": "completeness",
    "negate": "accuracy",
    "foreign": "accuracy",
    "unnumber": "format adherence",
}
_MARKER = re.compile(r"(?P<before>\s*(?:step\s+|langkah\s+)?)(?P<number>\d{1,3})(?P<after>[.):]\s+)", re.IGNORECASE)
_NOT = {"id": "Jangan ", "en": "Do not "}


@dataclass(frozen=True)
class _Step:
    """A step without its number; further lines of it stay in `text`."""

    text: str


def perturb(
    reference: str, kind: str, other_reference: str, generator: random.Random, language: str = "en"
) -> str | None:
    """The reference with this fault; None where it cannot have it (too few steps, no numbers).

    `other_reference` is the answer to another question, for the step that does not belong.
    """
    marker, steps = _steps_of(reference)
    if marker is None or len(steps) < 3:
        return None
    at = generator.randrange(1, len(steps) - 1)  # neither the first nor the last step: those are seen at once
    if kind == "unnumber":
        return "\n".join(step.text for step in steps)
    if kind == "shuffle":
        changed = _shuffled(steps, generator)
    elif kind == "drop":
        changed = steps[:at] + steps[at + 1 :]
    elif kind == "duplicate":
        changed = [*steps[: at + 1], steps[at], *steps[at + 1 :]]
    elif kind == "negate":
        changed = [*steps[:at], _Step(_negated(steps[at].text, language)), *steps[at + 1 :]]
    else:
        _, others = _steps_of(other_reference)
        if not others:
            return None
        changed = [*steps[:at], others[generator.randrange(len(others))], *steps[at + 1 :]]
    perturbed = _rendered(marker, changed)
    return perturbed if perturbed != _rendered(marker, steps) else None


def _steps_of(text: str) -> tuple[re.Match[str] | None, list[_Step]]:
    """The first marker, for its style, and the steps; text before the list is left out."""
    first: re.Match[str] | None = None
    steps: list[_Step] = []
    for line in text.splitlines():
        if match := _MARKER.match(line):
            first = first or match
            steps.append(_Step(line[match.end() :].strip()))
        elif steps and line.strip():
            steps[-1] = _Step(f"{steps[-1].text}\n{line}")
    return first, steps


def _rendered(marker: re.Match[str], steps: list[_Step]) -> str:
    return "\n".join(
        f"{marker['before']}{number}{marker['after']}{step.text}" for number, step in enumerate(steps, start=1)
    )


def _shuffled(steps: list[_Step], generator: random.Random) -> list[_Step]:
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
