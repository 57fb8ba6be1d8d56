"""What the forgetting guard says of simulated trainings: how often a loss is shown where nothing was lost, and how
often what was kept or lost is shown. Part of `make bench-eval`; fixed seeds.

A training changes the outcome of `changed` of the 80 items, `fell` of all items more to the worse than to the better.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from toolkit.evaluation.guard import outcome_of
from toolkit.evaluation.proportions import paired_proportion_interval
from toolkit.guard import read_guard_items

MARGIN, TRIALS, BEFORE = 0.1, 2_000, 0.7


def guard_claims() -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Shares of the trials by outcome; the worst share with a shown loss where the truth is none."""
    count, generator = len(read_guard_items()), np.random.default_rng(25)
    names, said = [str(index) for index in range(count)], {}
    decided: dict[tuple[int, int], str] = {}
    for lost, changed in itertools.product((0.0, 0.1, 0.2), (0.05, 0.1, 0.2, 0.3)):
        if changed < lost:
            continue
        outcomes = {"kept": 0, "fell": 0, "open": 0}
        for worse, better in generator.multinomial(
            count, [(changed + lost) / 2, (changed - lost) / 2, 1 - changed], size=TRIALS
        )[:, :2]:
            key = (int(worse), int(better))
            if key not in decided:
                after = np.zeros(count)
                before = np.zeros(count)
                before[:worse], after[worse : worse + better] = 1.0, 1.0
                interval = paired_proportion_interval(after, before, names)
                assert interval is not None
                decided[key] = outcome_of(BEFORE, interval, MARGIN)
            outcomes[decided[key]] += 1
        said[f"{lost:.0%} lost, {changed:.0%} changed"] = {name: found / TRIALS for name, found in outcomes.items()}
    name = "guard: a loss is shown where nothing is lost"
    return {name: max(found["fell"] for case, found in said.items() if case.startswith("0%"))}, {name: said}
