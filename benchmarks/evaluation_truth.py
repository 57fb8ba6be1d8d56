"""Simulated truth behind what evaluate concludes: does the shown interval hold the true mean, how often is nothing
called "better", what do the gate and the verdict say where the answer is known. Part of `make bench-eval`; fixed seeds.

Groups come in equal and in very unequal sizes; half of an item's variance is its group's.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluation_format import format_grammar
from benchmarks.evaluation_guard import guard_claims
from benchmarks.evaluation_seeds import trainings_called_better
from tests.unit.evaluation.constructed_systems import EXPECTED, write_case
from toolkit.evaluation.gate import Gate
from toolkit.evaluation.inputs import human_system, read_references, read_system
from toolkit.evaluation.intervals import Clustered, Floats, mean_interval, share_interval
from toolkit.evaluation.paired import difference_p
from toolkit.evaluation.proportions import paired_proportion_interval
from toolkit.evaluation.results import evaluate_systems
from toolkit.options.evaluation import MetricOptions
from toolkit.results.measured import Measured
from toolkit.results.metrics import ALPHA
from toolkit.runs.recorder import Recorder
from toolkit.statistics.intervals import Interval, holm
from toolkit.statistics.power import skew_aware_p

GROUPS = (8, 12, 20, 40)
SHAPES = ("normal", "heavy tails", "lognormal", "85 % zeros")
TRIALS, RESAMPLES = 2_000, 400
METRICS = 5  # of the declared family
ANYTHING = (-1e9, 1e9)
Values = dict[str, float]
Beside = dict[str, dict[str, Any]]


def sizes(kind: str, groups: int) -> Floats:
    """Items of each group: four each, or an eighth of the groups with 20, three eighths with 3, half with one."""
    if kind == "equal":
        return np.full(groups, 4.0)
    large = max(1, groups // 8)
    return np.array([20.0] * large + [3.0] * (groups // 2 - large) + [1.0] * (groups - groups // 2))


def draw(shape: str, items: Floats, generator: np.random.Generator) -> tuple[Clustered, float]:
    """One test set as sums by group, and the true mean."""
    groups, counts = len(items), items.astype(int)
    code, total = np.repeat(np.arange(groups), counts), int(items.sum())
    if shape == "85 % zeros":
        own, shared = generator.random(total) < 0.15, generator.random(groups) < 0.15
        values = np.where(generator.random(total) < 0.5, own, shared[code]).astype(np.float64)
        return _summed(code, values, items), 0.15
    if shape == "lognormal":
        values = np.exp(generator.normal(size=groups))[code] + generator.normal(size=total)
        return _summed(code, values, items), float(np.exp(0.5))
    drawn = (
        generator.standard_t(3, size=groups + total)
        if shape == "heavy tails"
        else generator.normal(size=groups + total)
    )
    values = drawn[:groups][code] + drawn[groups:]
    return _summed(code, values, items), 0.0


def _summed(code: Any, values: Floats, items: Floats) -> Clustered:
    return Clustered(np.bincount(code, weights=values, minlength=len(items)).astype(np.float64), items)


def coverage() -> tuple[Values, Beside]:
    """How often the shown interval holds the true mean, for every shape, number and sizes of groups. Yes and no have
    the interval of shares.
    """
    generator = np.random.default_rng(18)
    found: dict[str, float] = {}
    for shape, groups, kind in itertools.product(SHAPES, GROUPS, ("equal", "unequal")):
        items, hits = sizes(kind, groups), 0
        for trial in range(TRIALS):
            data, truth = draw(shape, items, generator)
            shown = share_interval(data) if shape == "85 % zeros" else mean_interval(data, RESAMPLES, trial, ANYTHING)
            low, high = shown or (1.0, 0.0)
            hits += low <= truth <= high
        found[f"{shape}, {groups} groups, {kind}"] = hits / TRIALS
    lognormal = {name: share for name, share in found.items() if name.startswith("lognormal")}
    others = {name: share for name, share in found.items() if name not in lognormal}
    return {
        "shown interval: lowest coverage, lognormal apart": min(others.values()),
        "shown interval: lowest coverage, lognormal": min(lognormal.values()),
        "shown interval: highest coverage": max(found.values()),
    }, {"shown interval: lowest coverage, lognormal apart": found}


def nothing_called_better() -> tuple[Values, Beside]:
    """Trials without a true difference in five metrics that go together: how often one, and any, is called better."""
    generator = np.random.default_rng(19)
    each: dict[str, float] = {}
    family: dict[str, float] = {}
    for groups, kind in itertools.product((8, 12, 20, 48), ("equal", "unequal", "skewed")):
        items = sizes("equal" if kind == "skewed" else kind, groups)
        better = np.zeros(METRICS)
        any_better = 0
        for trial in range(TRIALS):
            common = _mean_zero(kind, groups, generator)
            rows = [common + _mean_zero(kind, groups, generator) for _ in range(METRICS)]
            found = _called_better([Clustered(items * row, items) for row in rows], trial)
            better += found
            any_better += bool(found.any())
        each[f"{groups} groups, {kind}"] = float(better.max()) / TRIALS
        family[f"{groups} groups, {kind}"] = any_better / TRIALS
    return {
        "A/A trials called better, the worst single metric": max(each.values()),
        "A/A trials with any metric called better": max(family.values()),
    }, {"A/A trials with any metric called better": {"each": each, "family": family}}


def _mean_zero(kind: str, groups: int, generator: np.random.Generator) -> Floats:
    """Differences of the groups, true mean 0; skewed: mostly small gains and rarely a great loss."""
    if kind == "skewed":
        return np.asarray(np.exp(0.5) - np.exp(generator.normal(size=groups)))
    return np.asarray(generator.normal(size=groups))


def _called_better(rows: list[Clustered], seed: int) -> np.ndarray:
    # The t test is one of the two whose larger p counts, and quick: where it finds nothing, nothing is called better.
    least = [skew_aware_p(data.mean / data.standard_error, data.skewness, data.degrees) for data in rows]
    if min(holm(least)) > ALPHA:
        return np.zeros(len(rows), dtype=bool)
    intervals = [mean_interval(data, RESAMPLES, seed, ANYTHING) for data in rows]
    above = np.array([ends is not None and ends[0] > 0 for ends in intervals])
    if not above.any():
        return above
    adjusted = np.array(holm([difference_p(data, seed) for data in rows]))
    return above & (adjusted <= ALPHA)


def pairs_of_proportions() -> tuple[Values, Beside]:
    """Coverage for two systems of yes and no that differ on 1, 2 or 5 % of the items, half of it each way or all of it
    one way.
    """
    generator = np.random.default_rng(20)
    found: dict[str, float] = {}
    for count, share, split in itertools.product((48, 200), (0.01, 0.02, 0.05), (0.5, 1.0)):
        names, hits = [str(index) for index in range(count)], 0
        shown: dict[tuple[float, float], Interval] = {}  # by how many each way: the same samples come again and again
        for _ in range(TRIALS):
            drawn = generator.random(count)
            a, b = (drawn < share * split).astype(float), (drawn >= 1 - share * (1 - split)).astype(float)
            counts = (float(a.sum()), float(b.sum()))
            if counts not in shown:
                shown[counts] = paired_proportion_interval(a, b, names) or (1.0, 0.0)
            low, high = shown[counts]
            hits += low <= share * (2 * split - 1) <= high
        found[f"{100 * share:.0f} % of {count} differ, {100 * split:.0f} % of them one way"] = hits / TRIALS
    key = "paired proportions: lowest coverage"
    return {key: min(found.values()), "paired proportions: highest coverage": max(found.values())}, {key: found}


def gate_errors() -> tuple[Values, Beside]:
    """How often the gate passes or fails wrongly where the truth lies one standard error from the threshold."""
    generator = np.random.default_rng(21)
    items = np.ones(48)
    outcomes = {side: {"passes": 0, "fails": 0, "insufficient": 0} for side in (-1, 1)}
    for side, trial in itertools.product(outcomes, range(TRIALS)):
        data = Clustered(generator.normal(side / np.sqrt(48), 1, 48), items)
        gate = Gate("x", 0.0, Measured(data.mean, mean_interval(data, RESAMPLES, trial, ANYTHING), 48))
        outcomes[side][gate.outcome] += 1
    wrong = max(outcomes[-1]["passes"], outcomes[1]["fails"]) / TRIALS
    key = "gate: wrong pass or fail at one standard error"
    return {key: wrong}, {key: {"below": outcomes[-1], "above": outcomes[1]}}


def known_systems() -> tuple[Values, Beside]:
    """The verdict on the ten constructed systems."""
    options = MetricOptions(
        bertscore_model="embedded:all-minilm-l6-v2", bertscore_cache=False, sensitivity_items=0, bootstrap_samples=1000
    )
    said: dict[str, str] = {}
    for name in EXPECTED:
        with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
            folder = write_case(Path(scratch), name)
            items, source = read_references(folder / "dataset", "test")
            systems = [read_system(system, folder / system, items) for system in ("baseline", "tuned")]
            results = evaluate_systems(items, systems, human_system(items, source), options, Recorder(None))
            said[name] = results.verdict.outcome
    right = sum(said[name] == expected.outcome for name, expected in EXPECTED.items())
    key = "verdict: constructed systems judged as they must be, of ten"
    return {key: right}, {key: said}


PARTS = (
    coverage,
    nothing_called_better,
    pairs_of_proportions,
    gate_errors,
    trainings_called_better,
    guard_claims,
    known_systems,
    format_grammar,
)
