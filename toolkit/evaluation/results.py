"""evaluate as one call: score all systems, compare them with the baseline, and put everything into one document."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from toolkit.evaluation.alignment import Alignment
from toolkit.evaluation.comparisons import Scores, baseline_of, compare_systems
from toolkit.evaluation.conformance import Conformance
from toolkit.evaluation.inputs import System, TestItem
from toolkit.evaluation.intervals import bootstrap_interval, cluster, effective_size, t_interval
from toolkit.evaluation.judge import judge_systems, measure_judge
from toolkit.evaluation.rates import describe, rates
from toolkit.evaluation.schema import SCHEMA
from toolkit.evaluation.scoring import (
    MetricScores,
    load_text_metrics,
    pairs_of,
    score_bertscore,
    score_format,
    score_rouge,
    targets_for,
)
from toolkit.evaluation.sensitivity import damage, damaged_pairs, measure_sensitivity
from toolkit.evaluation.step_scores import MOST_INVERSIONS, load_matcher, score_steps
from toolkit.evaluation.study_join import correlate
from toolkit.evaluation.verdict import verdict
from toolkit.options.evaluation import JudgeOptions, MetricOptions
from toolkit.records import JSON
from toolkit.results.metrics import COMPARED, HUMAN, PRIMARY
from toolkit.runs.recorder import Recorder
from toolkit.statistics.intervals import wilson_interval

_LIBRARIES = ("steptune", "numpy", "torch", "transformers")
# Options that change a number, in the order in which results.json has them.
RECORDED_OPTIONS = (
    "bertscore_model",
    "bertscore_layer",
    "bertscore_idf",
    "bertscore_rescale",
    "bertscore_language",
    "bertscore_backend",
    "rouge_tokenizer",
    "rouge_backend",
    "markers",
    "step_threshold",
    "sensitivity_items",
    "min_steps",
    "max_steps",
    "seed",
)


@dataclass(frozen=True)
class Scored:
    """Everything about the systems' outputs, by system."""

    scores: Scores
    formats: dict[str, list[Conformance]]
    alignments: dict[str, list[Alignment | None]]
    sensitivity: list[JSON]


def evaluate_systems(
    items: list[TestItem],
    systems: list[System],
    human: System,
    options: MetricOptions,
    recorder: Recorder,
    study: JSON | None = None,
    judge: JudgeOptions | None = None,
) -> JSON:
    """results.json of the systems and the human references; the same inputs give the same document except
    `environment.time`.

    `study` is the JSON of a finished blind study (`read_study`); there is a judge only where `judge` names a server.

    Raises:
        ModelError: the BERTScore encoder cannot be loaded.
        JudgeError: the judge's server cannot be used.
        Cancelled: the run was asked to stop.
    """
    started = time.time()
    everyone = [*systems, human]
    groups = [item.group for item in items]
    scored = _score(items, everyone, options, recorder)
    comparisons = compare_systems(systems, scored.scores, groups, options, recorder)
    document: JSON = {
        "primary": PRIMARY,
        "family": list(COMPARED),
        "systems": {system.name: _system(system, items, scored, options) for system in everyone},
        "comparisons": comparisons,
        "sensitivity": scored.sensitivity,
        "study": study,
        "correlations": correlate(study, items, scored.scores, options.seed) if study else [],
        "judge": _judged(items, everyone, judge, options.seed, study, recorder) if judge and judge.base_url else None,
        "items": [_item(index, item, everyone, scored) for index, item in enumerate(items)],
        "environment": _environment(items, everyone, options, started),
    }
    return _rounded({"schema": SCHEMA, "verdict": verdict(document), **document})


def headline(results: JSON) -> JSON:
    """The numbers for lists of runs: means of the last system that is not the baseline, and its differences from it."""
    names = [name for name in results["systems"] if name != HUMAN]
    baseline = baseline_of(names)
    subject = next((name for name in reversed(names) if name != baseline), baseline)
    means = {metric: results["systems"][subject]["metrics"][metric]["mean"] for metric in COMPARED}
    differences = {
        f"{row['metric']}_difference": row["difference"] for row in results["comparisons"] if row["a"] == subject
    }
    return {"system": subject, "n": results["environment"]["items"], **means, **differences}


def _score(items: list[TestItem], everyone: list[System], options: MetricOptions, recorder: Recorder) -> Scored:
    def on_batch(done: int, total: int) -> None:
        recorder.progress("encode", done, total)
        recorder.check_stop()

    targets = {system.name: targets_for(system, items, options.seed) for system in everyone}
    metrics = load_text_metrics(options, [item.reference for item in items], on_batch)
    scored = Scored({}, {}, {}, [])
    damaged = damage(items, options)
    texts = [
        *(text for pair in damaged_pairs(damaged) for text in pair),
        *(text for name in targets for own in targets[name].own for text in own),
    ]
    matcher = load_matcher(
        metrics.bert, [*texts, *(output for system in everyone for output in system.outputs)], items, options
    )
    pairs = [pair for system in everyone for pair in pairs_of(system, targets[system.name])]
    # In one go, so that each text is encoded once; the cache holds them from here on.
    metrics.bertscore([*pairs, *damaged_pairs(damaged)])
    for done, system in enumerate(everyone, start=1):
        own = targets[system.name]
        conformance, scored.formats[system.name] = score_format(system, options)
        steps, scored.alignments[system.name] = score_steps(system, own, matcher, metrics.bert, options)
        similarity = score_bertscore(system, own, metrics)
        scored.scores[system.name] = {
            **score_rouge(system, own, metrics),
            **similarity,
            "format_conformance": conformance,
            **steps,
        }
        recorder.progress("score", done, len(everyone))
    scored.sensitivity.extend(measure_sensitivity(damaged, metrics, matcher, options))
    return scored


def _judged(
    items: list[TestItem],
    everyone: list[System],
    judge: JudgeOptions,
    seed: int,
    study: JSON | None,
    recorder: Recorder,
) -> JSON:
    def on_item(done: int, total: int) -> None:
        recorder.progress("judge", done, total)
        recorder.check_stop()

    found = judge_systems(items, everyone, judge, seed, on_item)
    return {**found, "against_humans": measure_judge(found, study, items) if study else None}


def _system(system: System, items: list[TestItem], scored: Scored, options: MetricOptions) -> JSON:
    groups = [item.group for item in items]
    scores, formats = scored.scores[system.name], scored.formats[system.name]
    inversions = [found.inversions for found in scored.alignments[system.name] if found]
    return {
        "metrics": {name: _metric(name, metric, groups, options) for name, metric in scores.items()},
        "descriptive": {
            **describe(system, items, formats),
            "bertscore_truncated": scores["bertscore_f1"].truncated,
            "inversions": sum(map(len, inversions)),
            "answers_with_inversions": sum(map(bool, inversions)),
        },
        "rates": rates(system, items, formats),
        "source": system.source,
        **({"generation": system.generation} if system.generation else {}),
    }


def _metric(name: str, scores: MetricScores, groups: list[str], options: MetricOptions) -> JSON:
    """Mean with interval; null for the human system where no second reference exists."""
    scored = np.flatnonzero(~np.isnan(scores.values))
    floors = scores.floors[~np.isnan(scores.floors)]
    common = {
        "n": len(scored),
        "undefined": scores.undefined,
        "floor": float(floors.mean()) if len(floors) else None,
        "floor_note": scores.floor_note,
        "truncated": scores.truncated,
        "signature": scores.signature,
    }
    if not len(scored):
        return {"mean": None, "ci95": None, **common}
    data = cluster(scores.values[scored], [groups[index] for index in scored])
    if name == "format_conformance":
        size = effective_size(data)
        return {
            "mean": data.mean,
            "ci95": wilson_interval(data.mean * size, size),
            "interval": "wilson",
            "effective_n": size,
            **common,
        }
    return {
        "mean": data.mean,
        "ci95": bootstrap_interval(data, options.bootstrap_samples, options.seed),
        "ci95_t": t_interval(data),
        "interval": "cluster bootstrap",
        **common,
    }


def _item(index: int, item: TestItem, everyone: list[System], scored: Scored) -> JSON:
    aligned = {system.name: scored.alignments[system.name][index] for system in everyone}
    return {
        "id": item.id,
        "prompt": item.prompt,
        "reference": item.reference,
        "group": item.group,
        "outputs": {system.name: system.outputs[index] for system in everyone if system.name != HUMAN},
        "scores": {
            system.name: {name: float(metric.values[index]) for name, metric in scored.scores[system.name].items()}
            for system in everyone
        },
        "failed_checks": {
            system.name: [check for check, passed in scored.formats[system.name][index].checks.items() if not passed]
            for system in everyone
        },
        "inversions": {
            name: [list(pair) for pair in found.inversions[:MOST_INVERSIONS]] if found else []
            for name, found in aligned.items()
        },
    }


def _environment(items: list[TestItem], everyone: list[System], options: MetricOptions, started: float) -> JSON:
    return {
        "versions": {"python": platform.python_version(), **{library: version(library) for library in _LIBRARIES}},
        "seed": options.seed,
        "bootstrap_samples": options.bootstrap_samples,
        "options": {name: getattr(options, name) for name in RECORDED_OPTIONS},
        "inputs": {system.name: system.source for system in everyone},
        "items": len(items),
        "groups": len({item.group for item in items}),
        "time": {"started": round(started, 3), "seconds": round(time.time() - started, 3)},
    }


def _rounded(value: object) -> JSON:
    """Floats at six significant digits, NaN as null; seconds of the clock and what others measured stay as they are."""
    if isinstance(value, dict):
        return {key: item if key in {"time", "generation", "study"} else _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]  # type: ignore[return-value]
    if isinstance(value, float):
        return None if np.isnan(value) else float(f"{value:.6g}")  # type: ignore[return-value]
    return value  # type: ignore[return-value]
