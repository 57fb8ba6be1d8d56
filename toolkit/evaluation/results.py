"""evaluate as one call: score all systems, compare them with the baseline, and put everything into one document (schema 1)."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict
from importlib.metadata import version

import numpy as np

from toolkit.evaluation.bertscore import Encoder, load_encoder
from toolkit.evaluation.conformance import Conformance
from toolkit.evaluation.inputs import HUMAN, System, TestItem
from toolkit.evaluation.intervals import bootstrap_interval, cluster, effective_size, t_interval, wilson_interval
from toolkit.evaluation.paired import compare, holm
from toolkit.evaluation.scoring import MetricOptions, MetricScores, Targets, describe, score_bertscore, score_format, score_rouge, targets_for
from toolkit.evaluation.verdict import verdict
from toolkit.records import JSON
from toolkit.runs.recorder import Recorder

SCHEMA = 1
COMPARED = ("rouge_l", "bertscore_f1", "format_conformance")  # Holm's family: these, for each system against the baseline
BASELINE = "baseline"
_LIBRARIES = ("steptune", "numpy", "torch", "transformers")

Scores = dict[str, dict[str, MetricScores]]  # system -> metric -> scores


def evaluate_systems(items: list[TestItem], systems: list[System], human: System, options: MetricOptions, samples: int, recorder: Recorder) -> JSON:
    """results.json of the systems and the human references; the same inputs give the same document except `environment.time`.

    Raises:
        ModelError: the BERTScore encoder cannot be loaded.
        Cancelled: the run was asked to stop.
    """
    started = time.time()
    everyone = [*systems, human]
    targets = {system.name: targets_for(system, items, options.seed) for system in everyone}
    encoder = load_encoder(options.bertscore_model, options.bertscore_layer)
    scores, formats = _score(everyone, targets, encoder, options, recorder)
    groups = [item.group for item in items]
    comparisons = _comparisons(systems, scores, groups, samples, options.seed, recorder)
    document: JSON = {
        "schema": SCHEMA,
        "systems": {system.name: _system(system, items, scores[system.name], formats[system.name], samples, options.seed) for system in everyone},
        "comparisons": comparisons,
        "items": [_item(index, item, everyone, scores, formats) for index, item in enumerate(items)],
        "environment": _environment(items, everyone, options, samples, started),
    }
    return _rounded({"schema": SCHEMA, "verdict": verdict(document), **document})


def baseline_of(names: list[str]) -> str:
    """The system that the others are compared with: `baseline`, or the first one."""
    return BASELINE if BASELINE in names else names[0]


def headline(results: JSON) -> JSON:
    """The numbers for lists of runs: means of the last system that is not the baseline, and its differences from it."""
    names = [name for name in results["systems"] if name != HUMAN]
    baseline = baseline_of(names)
    subject = next((name for name in reversed(names) if name != baseline), baseline)
    means = {metric: results["systems"][subject]["metrics"][metric]["mean"] for metric in COMPARED}
    differences = {f"{row['metric']}_difference": row["difference"] for row in results["comparisons"] if row["a"] == subject}
    return {"system": subject, "n": results["environment"]["items"], **means, **differences}


def _score(
    everyone: list[System], targets: dict[str, Targets], encoder: Encoder, options: MetricOptions, recorder: Recorder
) -> tuple[Scores, dict[str, list[Conformance]]]:
    def on_batch(done: int, total: int) -> None:
        recorder.progress("encode", done, total)
        recorder.check_stop()

    scores: Scores = {}
    formats: dict[str, list[Conformance]] = {}
    similarities = score_bertscore(everyone, targets, encoder, options, on_batch)
    for done, system in enumerate(everyone, start=1):
        conformance, formats[system.name] = score_format(system, options)
        rouge = score_rouge(system, targets[system.name], options)
        scores[system.name] = {"rouge_l": rouge, **similarities[system.name], "format_conformance": conformance}
        recorder.progress("score", done, len(everyone))
    return scores, formats


def _comparisons(systems: list[System], scores: Scores, groups: list[str], samples: int, seed: int, recorder: Recorder) -> list[JSON]:
    names = [system.name for system in systems]
    baseline = baseline_of(names)
    pairs = [(name, metric) for name in names if name != baseline for metric in COMPARED]
    rows: list[JSON] = []
    for done, (name, metric) in enumerate(pairs, start=1):
        rows.append(
            {"a": name, "b": baseline, "metric": metric, **_comparison(scores[name][metric], scores[baseline][metric], groups, samples, seed)}
        )
        recorder.progress("bootstrap", done, len(pairs))
        recorder.check_stop()
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
    return rows


def _comparison(a: MetricScores, b: MetricScores, groups: list[str], samples: int, seed: int) -> JSON:
    """The paired difference, that of the floors (gained without regard to the question), and what is left above them."""
    row = asdict(compare(a.values, b.values, groups, samples, seed))
    if np.isnan(a.floors).any():
        return {**row, "floor_difference": None, "above_floor": None}
    above = cluster((a.values - a.floors) - (b.values - b.floors), groups)
    left = {"difference": above.mean, "ci95": bootstrap_interval(above, samples, seed)}
    return {**row, "floor_difference": float((a.floors - b.floors).mean()), "above_floor": left}


def _system(system: System, items: list[TestItem], scores: dict[str, MetricScores], formats: list[Conformance], samples: int, seed: int) -> JSON:
    groups = [item.group for item in items]
    return {
        "metrics": {name: _metric(name, metric, groups, samples, seed) for name, metric in scores.items()},
        "descriptive": {**describe(system, items, formats), "bertscore_truncated": scores["bertscore_f1"].truncated},
        "source": system.source,
        **({"generation": system.generation} if system.generation else {}),
    }


def _metric(name: str, scores: MetricScores, groups: list[str], samples: int, seed: int) -> JSON:
    """Mean with interval; null for the human system where no second reference exists."""
    scored = np.flatnonzero(~np.isnan(scores.values))
    floor = None if np.isnan(scores.floors).any() else float(scores.floors.mean())
    common = {"n": len(scored), "floor": floor, "floor_note": scores.floor_note, "signature": scores.signature}
    if not len(scored):
        return {"mean": None, "ci95": None, **common}
    data = cluster(scores.values[scored], [groups[index] for index in scored])
    if name == "format_conformance":
        size = effective_size(data)
        return {"mean": data.mean, "ci95": wilson_interval(data.mean * size, size), "interval": "wilson", "effective_n": size, **common}
    return {"mean": data.mean, "ci95": bootstrap_interval(data, samples, seed), "ci95_t": t_interval(data), "interval": "cluster bootstrap", **common}


def _item(index: int, item: TestItem, everyone: list[System], scores: Scores, formats: dict[str, list[Conformance]]) -> JSON:
    return {
        "id": item.id,
        "prompt": item.prompt,
        "reference": item.reference,
        "group": item.group,
        "outputs": {system.name: system.outputs[index] for system in everyone if system.name != HUMAN},
        "scores": {system.name: {name: float(metric.values[index]) for name, metric in scores[system.name].items()} for system in everyone},
        "failed_checks": {system.name: [check for check, passed in formats[system.name][index].checks.items() if not passed] for system in everyone},
    }


def _environment(items: list[TestItem], everyone: list[System], options: MetricOptions, samples: int, started: float) -> JSON:
    return {
        "versions": {"python": platform.python_version(), **{library: version(library) for library in _LIBRARIES}},
        "seed": options.seed,
        "bootstrap_samples": samples,
        "options": asdict(options),
        "inputs": {system.name: system.source for system in everyone},
        "items": len(items),
        "groups": len({item.group for item in items}),
        "time": {"started": round(started, 3), "seconds": round(time.time() - started, 3)},
    }


def _rounded(value: object) -> JSON:
    """Floats at six significant digits, NaN as null; seconds of the clock stay as they are."""
    if isinstance(value, dict):
        return {key: item if key in {"time", "generation"} else _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]  # type: ignore[return-value]
    if isinstance(value, float):
        return None if np.isnan(value) else float(f"{value:.6g}")  # type: ignore[return-value]
    return value  # type: ignore[return-value]
