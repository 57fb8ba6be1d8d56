"""Two systems that are the same one, each trained several times: how often is one called better? Part of
`make bench-eval`; fixed seeds, the trainings are simulated.

An answer's score is the item's, plus what the training's seed adds to all items and to this one. Only the primary
metric has a value; the family of the correction is as large as ever.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from toolkit.evaluation.comparisons import compare_systems
from toolkit.evaluation.inputs import System
from toolkit.evaluation.scoring import MetricScores
from toolkit.evaluation.several import pool
from toolkit.options.evaluation import MetricOptions
from toolkit.results.document import Source
from toolkit.results.metrics import COMPARED, PRIMARY
from toolkit.runs.recorder import Recorder

TRIALS = 200
ITEMS = 48
SEED_SD, ITEM_SD = 0.03, 0.08  # of a training's mean, and of one item from training to training


def trainings_called_better() -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Share of trials in which a system is called better by the primary metric, with 1, 2 and 3 trainings each."""
    found = {f"{count} trainings each": _share(count) for count in (1, 2, 3)}
    key = "A/A of several trainings called better"
    return {key: max(share for name, share in found.items() if not name.startswith("1 "))}, {key: found}


def _share(trainings: int) -> float:
    generator = np.random.default_rng(22)
    options = MetricOptions(bootstrap_samples=200)
    groups = [str(index) for index in range(ITEMS)]
    systems = [_system(name, trainings) for name in ("baseline", "tuned")]
    called = 0
    for _ in range(TRIALS):
        runs = {system.name: [_scores(generator) for _ in range(trainings)] for system in systems}
        scores = {name: pool(own) for name, own in runs.items()}
        rows, _ = compare_systems(systems, scores, runs, groups, options, Recorder(None))
        called += next(row.conclusion for row in rows if row.metric == PRIMARY) == "better"
    return called / TRIALS


def _system(name: str, trainings: int) -> System:
    runs = [
        System(name if not number else f"{name} #{number + 1}", [], [], Source(file="", sha256=f"{number}", rows=ITEMS))
        for number in range(trainings)
    ]
    return System(name, [], [], runs[0].source, {}, tuple(runs[1:]))


def _scores(generator: np.random.Generator) -> dict[str, MetricScores]:
    values = 0.5 + generator.normal(0, SEED_SD) + generator.normal(0, ITEM_SD, ITEMS)
    nothing = MetricScores(np.full(ITEMS, np.nan), np.full(ITEMS, np.nan), "", "")
    return dict.fromkeys(COMPARED, nothing) | {PRIMARY: MetricScores(values, np.full(ITEMS, 0.2), "", "")}
