"""A list of steps damaged on purpose, in one way at a time. Standard library only.

A study hides such answers among the others to see which raters read; an evaluation scores them to see what each metric
notices.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

Damage = Literal["shuffle", "drop", "duplicate", "negate", "foreign", "unnumber"]
DAMAGES: tuple[Damage, ...] = get_args(Damage)


@dataclass(frozen=True)
class Ways:
    """What studies and evaluations do differently: how much they shuffle (None: these steps cannot be) and drop, what
    a step's opposite is, and how steps are written out.
    """

    shuffle: Callable[[list[str], random.Random], list[str] | None]
    drop: Callable[[list[str], int, random.Random], list[str]]
    negate: Callable[[str], str]
    render: Callable[[list[str]], str]


def damaged_text(
    kind: Damage, steps: list[str], others: list[str], at: int, ways: Ways, generator: random.Random
) -> str | None:
    """The steps with this damage, at index `at` where it has a place; None where they cannot have it.

    `others` are the steps of another answer, for `foreign`.
    """
    if kind == "unnumber":
        return "\n".join(steps)
    damaged: list[str] | None = None
    if kind == "shuffle":
        damaged = ways.shuffle(steps, generator)
    elif kind == "drop":
        damaged = ways.drop(steps, at, generator)
    elif kind == "duplicate":
        damaged = [*steps[: at + 1], *steps[at:]]
    elif kind == "negate":
        damaged = [*steps[:at], ways.negate(steps[at]), *steps[at + 1 :]]
    elif others:
        damaged = [*steps[:at], generator.choice(others), *steps[at + 1 :]]
    return None if damaged is None or damaged == steps else ways.render(damaged)
