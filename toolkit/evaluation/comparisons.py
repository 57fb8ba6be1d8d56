"""Every system against the baseline, metric by metric, as rows of results.json; Holm's correction over the declared
family.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from toolkit.evaluation.inputs import System
from toolkit.evaluation.intervals import Floats, bootstrap_interval, cluster
from toolkit.evaluation.paired import compare
from toolkit.evaluation.rates import rate
from toolkit.evaluation.scoring import MetricScores
from toolkit.options.evaluation import MetricOptions
from toolkit.records import JSON
from toolkit.results.metrics import BASELINE, COMPARED
from toolkit.runs.recorder import Recorder
from toolkit.statistics.intervals import holm

Scores = dict[str, dict[str, MetricScores]]  # system -> metric -> scores


def compare_systems(
    systems: list[System], scores: Scores, groups: list[str], options: MetricOptions, recorder: Recorder
) -> list[JSON]:
    """All rows; a row without a common item stays in Holm's family with p = 1."""
    names = [system.name for system in systems]
    baseline = baseline_of(names)
    pairs = [(name, metric) for name in names if name != baseline for metric in COMPARED]
    rows: list[JSON] = []
    for done, (name, metric) in enumerate(pairs, start=1):
        row = _comparison(scores[name][metric], scores[baseline][metric], groups, options)
        rows.append({"a": name, "b": baseline, "metric": metric, **row})
        recorder.progress("bootstrap", done, len(pairs))
        recorder.check_stop()
    for row, adjusted in zip(rows, holm([1.0 if row["p"] is None else row["p"] for row in rows]), strict=True):
        row["p_holm"] = None if row["p"] is None else adjusted
    return rows


def baseline_of(names: list[str]) -> str:
    """The system that the others are compared with: `baseline`, or the first one."""
    return BASELINE if BASELINE in names else names[0]


def _comparison(a: MetricScores, b: MetricScores, groups: list[str], options: MetricOptions) -> JSON:
    """The paired difference, that of the floors (gained whatever the question is), and what is left above them."""
    both = np.flatnonzero(~np.isnan(a.values) & ~np.isnan(b.values))
    if not len(both):
        return _EMPTY
    kept = [groups[index] for index in both]
    values_a, values_b = a.values[both], b.values[both]
    found = compare(values_a, values_b, kept, options.bootstrap_samples, options.seed)
    row: JSON = {
        **asdict(found),
        "shares": _shares(values_a - values_b, kept),
        "floor_difference": None,
        "above_floor": None,
    }
    floors_a, floors_b = a.floors[both], b.floors[both]
    if np.isnan(floors_a).any() or np.isnan(floors_b).any():
        return row
    above = cluster((values_a - floors_a) - (values_b - floors_b), kept)
    left = {"difference": above.mean, "ci95": bootstrap_interval(above, options.bootstrap_samples, options.seed)}
    return {**row, "floor_difference": float((floors_a - floors_b).mean()), "above_floor": left}


def _shares(differences: Floats, groups: list[str]) -> JSON:
    flags = {"win": differences > 1e-9, "tie": np.abs(differences) <= 1e-9, "loss": differences < -1e-9}
    return {name: rate([bool(flag) for flag in found], groups) for name, found in flags.items()}


_NUMBERS = (
    "difference",
    "ci95",
    "ci95_t",
    "p",
    "effect",
    "smallest_detectable",
    "shares",
    "floor_difference",
    "above_floor",
)
_EMPTY: JSON = {**dict.fromkeys(_NUMBERS), "wins": 0, "ties": 0, "losses": 0, "n": 0}
