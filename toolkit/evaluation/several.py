"""Several trainings and decodes of one system: which file is which, one score an item from all, and how much of the
variance of a difference comes from the items, from the training's seed and from the decode.

A run is one predictions file. Runs whose generation.json names the same weights are decodes of one training; without a
generation.json each is a training of its own. Items, trainings and decodes are sampled independently of each other, so
their variances add up; Satterthwaite's degrees of freedom go with the sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from toolkit.errors import DataError
from toolkit.evaluation.inputs import System
from toolkit.evaluation.intervals import Clustered, Floats
from toolkit.evaluation.scoring import MetricScores
from toolkit.records import read_json
from toolkit.results.document import SystemRun, VarianceSplit

Runs = Mapping[str, list[dict[str, MetricScores]]]  # by system: the scores of each of its runs, by metric


@dataclass(frozen=True)
class Spread:
    """Variance of one system's mean from its runs: `total` with its degrees of freedom, of which `decode` comes from
    decoding and the rest from training. None where that was not repeated.
    """

    total: float
    degrees: float
    training: float | None
    decode: float | None


@dataclass(frozen=True)
class Difference:
    """Variance of a difference above that of the items: `runs` over both systems with degrees of freedom."""

    variance: float
    degrees: float
    split: VarianceSplit


def trainings_of(system: System) -> list[int]:
    """For each run the number of its training, counted from 0."""
    known: dict[str, int] = {}
    return [
        known.setdefault(str(run.generation.get("system_fingerprint") or f"file {number}"), len(known))
        for number, run in enumerate(system.runs)
    ]


def require_comparable_runs(systems: Sequence[System]) -> None:
    """Runs of one system must differ by their seeds alone.

    Raises:
        DataError: a file is given twice, or trainings have different data sets or base models.
    """
    for system in systems:
        seen: dict[str, str] = {}
        for run in system.runs:
            if run.source.sha256 in seen:
                raise DataError(
                    f"predictions.{system.name}: {run.source.file} has the same content as"
                    f" {seen[run.source.sha256]}; expected another training or another decode, since the same answers"
                    " twice would look like no variance at all. Leave one out."
                )
            seen[run.source.sha256] = run.source.file
        _require_one("data sets", "dataset_hash", system, [_training(run) for run in system.runs])
        _require_one("base models", "model_fingerprint", system, [run.generation for run in system.runs])


def has_unknown_data(system: System) -> bool:
    """Whether trainings were given of which nothing says that they saw the same data."""
    return max(trainings_of(system)) > 0 and any(not _training(run).get("dataset_hash") for run in system.runs)


def pool(runs: Sequence[dict[str, MetricScores]]) -> dict[str, MetricScores]:
    """One score an item: the mean over the runs that have one."""
    if len(runs) == 1:
        return runs[0]
    return {metric: _pooled([run[metric] for run in runs]) for metric in runs[0]}


def runs_of(system: System, scores: Sequence[dict[str, MetricScores]]) -> list[SystemRun]:
    """Each run with its place and its means, for results.json."""
    trainings = trainings_of(system)
    return [
        SystemRun(
            file=run.source.file,
            training=training + 1,
            decode=trainings[: number + 1].count(training),
            means={metric: _mean(found.values) for metric, found in own.items()},
        )
        for number, (run, training, own) in enumerate(zip(system.runs, trainings, scores, strict=True))
    ]


def levels_measured(a: System, b: System, rests_on: str) -> tuple[list[str], list[str]]:
    """What was drawn more than once for a verdict on a against b, and what was not."""
    trained = [s for s in (a, b) if s.generation.get("adapter") or max(trainings_of(s)) > 0 or s is a]
    measured: list[str] = ["test items"]
    not_measured: list[str] = []
    seeds = all(max(trainings_of(system)) > 0 for system in trained)
    decodes = all(len(system.runs) > len(set(trainings_of(system))) for system in (a, b))
    is_drawn = any(_temperature(run) != 0 for system in (a, b) for run in system.runs)
    levels = [
        ("training seeds", seeds),
        *([("decodes", decodes)] if is_drawn else []),
        ("raters", rests_on == "people"),
    ]
    for name, is_measured in levels:
        (measured if is_measured else not_measured).append(name)
    return measured, not_measured


def split_variance(metric: str, a: System, b: System, runs: Runs, kept: np.ndarray, items: Clustered) -> Difference:
    """Where the variance of a's difference from b comes from; `kept` are the items of the comparison, `items` their
    differences. Where a metric has floors, what is above them counts.
    """
    spreads = [_spread([_mean(_tested(run[metric])[kept]) for run in runs[s.name]], trainings_of(s)) for s in (a, b)]
    found = [spread for spread in spreads if spread]
    variance = sum(spread.total for spread in found)
    squares = sum(spread.total**2 / spread.degrees for spread in found)
    split = VarianceSplit(
        a=a.name,
        b=b.name,
        metric=metric,
        items=_known(items.standard_error**2),
        training=_sum([spread.training for spread in found]),
        decode=_sum([spread.decode for spread in found]),
        trainings={s.name: len(set(trainings_of(s))) for s in (a, b)},
        runs={s.name: len(s.runs) for s in (a, b)},
    )
    return Difference(variance, variance**2 / squares if squares else math.inf, split)


def combined_degrees(data: Clustered, runs: Difference) -> float:
    """Satterthwaite's degrees of freedom of items and runs together."""
    own = data.standard_error**2
    return (own + runs.variance) ** 2 / (own**2 / data.degrees + runs.variance**2 / runs.degrees)


def _spread(means: Sequence[float | None], trainings: Sequence[int]) -> Spread | None:
    values = np.array([np.nan if mean is None else mean for mean in means])
    if len(values) < 2 or np.isnan(values).any():
        return None
    groups = [values[[own == training for own in trainings]] for training in dict.fromkeys(trainings)]
    again = [group for group in groups if len(group) > 1]
    decodes = sum(len(group) - 1 for group in again)
    one = sum(float(((group - group.mean()) ** 2).sum()) for group in again) / decodes if decodes else None
    if len(groups) == 1:
        assert one is not None
        return Spread(one / len(values), decodes, None, one / len(values))
    # Every training counts alike; what its decodes differ by is within the variance of the trainings' means.
    total = float(np.var([group.mean() for group in groups], ddof=1)) / len(groups)
    decode = None if one is None else one * sum(1 / len(group) for group in groups) / len(groups) ** 2
    return Spread(total, len(groups) - 1, max(0.0, total - (decode or 0.0)), decode)


def _pooled(runs: Sequence[MetricScores]) -> MetricScores:
    values = _row_means([run.values for run in runs])
    return replace(
        runs[0],
        values=values,
        floors=_row_means([run.floors for run in runs]),
        truncated=sum(run.truncated for run in runs),
        undefined=int(np.isnan(values).sum() - np.isnan(runs[0].values).sum()) + runs[0].undefined,
    )


def _row_means(rows: Sequence[Floats]) -> Floats:
    stacked = np.array(rows)
    known = ~np.isnan(stacked)
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.where(known, stacked, 0.0).sum(axis=0) / np.maximum(counts, 1), np.nan)


def _tested(scores: MetricScores) -> Floats:
    return scores.values if np.isnan(scores.floors).all() else scores.values - scores.floors


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _temperature(run: System) -> object:
    """0 for greedy answers, which another decode would not change; None where it is not known."""
    sampling = run.generation.get("sampling")
    return sampling.get("temperature") if isinstance(sampling, dict) else None


def _training(run: System) -> dict[str, object]:
    adapter = run.generation.get("adapter")
    return (read_json(Path(str(adapter)) / "training.json") or {}) if adapter else {}


def _require_one(what: str, key: str, system: System, records: Sequence[Mapping[str, object]]) -> None:
    found = {str(value): run for run, record in zip(system.runs, records, strict=True) if (value := record.get(key))}
    if len(found) > 1:
        named = ", ".join(f"{run.source.file} ({value[:12]})" for value, run in found.items())
        raise DataError(
            f"predictions.{system.name}: its trainings have different {what}: {named}. Expected runs that differ by"
            " their seeds alone; give the others as a system of another name."
        )
