"""evaluate as one call: score all systems, compare them with the baseline, and put everything into one document."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from toolkit.evaluation.alignment import Alignment
from toolkit.evaluation.comparisons import Scores, compare_systems
from toolkit.evaluation.conformance import Conformance
from toolkit.evaluation.faults import FAULTS, Flags, compare_faults, find_faults
from toolkit.evaluation.inputs import System, TestItem
from toolkit.evaluation.intervals import Floats, cluster, effective_size, mean_interval, share_interval
from toolkit.evaluation.judge import judge_systems, measure_judge
from toolkit.evaluation.proportions import are_yes_or_no
from toolkit.evaluation.rates import describe, rates
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
from toolkit.evaluation.several import has_unknown_data, levels_measured, pool, runs_of
from toolkit.evaluation.slices import above, properties, slice_results
from toolkit.evaluation.step_scores import MOST_INVERSIONS, load_matcher, score_steps
from toolkit.evaluation.study_join import correlate
from toolkit.evaluation.verdict import reach_verdict
from toolkit.options.evaluation import JudgeOptions, MetricOptions
from toolkit.results import document
from toolkit.results.contamination import Contamination
from toolkit.results.document import SCHEMA, Environment, Item, Judge, Metric, Results, Sensitivity, Time
from toolkit.results.guard import Guard
from toolkit.results.headline import baseline_of
from toolkit.results.metrics import COMPARED, HUMAN, PRIMARY, reach_of
from toolkit.results.shipped import ShippedClaim
from toolkit.results.study import StudyResults
from toolkit.runs.recorder import Recorder

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
    """Everything about the systems' outputs, by system, and its further runs by their names."""

    scores: Scores
    runs: dict[str, list[dict[str, MetricScores]]]
    formats: dict[str, list[Conformance]]
    alignments: dict[str, list[Alignment | None]]
    faults: dict[str, Flags]
    sensitivity: list[Sensitivity]


def evaluate_systems(
    items: list[TestItem],
    systems: list[System],
    human: System,
    options: MetricOptions,
    recorder: Recorder,
    study: StudyResults | None = None,
    judge: JudgeOptions | None = None,
    guard: Guard | None = None,
    contamination: Contamination | None = None,
    shipped: ShippedClaim | None = None,
) -> Results:
    """The results of the systems and the human references; the same inputs give the same document except
    `environment.time`.

    `study` is a finished blind study (`read_study`), `guard` what `guard_systems` found, `contamination` what
    `measure_contamination` did and `shipped` what `shipped_system` did; there is a judge only where `judge` names a
    server.

    Raises:
        ModelError: the BERTScore encoder cannot be loaded.
        JudgeError: the judge's server cannot be used.
        Cancelled: the run was asked to stop.
    """
    started = time.time()
    everyone = [*systems, human]
    groups = [item.group for item in items]
    scored = _score(items, everyone, options, recorder)
    comparisons, variance = compare_systems(systems, scored.scores, scored.runs, groups, options, recorder)
    described = {system.name: _system(system, items, scored, options) for system in everyone}
    baseline = baseline_of(system.name for system in systems)
    faults = compare_faults({system.name: _flags(system, scored) for system in everyone}, baseline, items, HUMAN)
    slices = slice_results(items, scored.scores, baseline, options)
    environment = _environment(items, everyone, options, started)
    first = _named(baseline, systems)
    same = {system.name for system in systems if not system.rest and system.outputs == first.outputs}
    verdict = reach_verdict(described, comparisons, faults, slices, environment, study, same, guard)
    if verdict.baseline:
        subject = _named(verdict.system, systems)
        verdict.measured, verdict.not_measured = levels_measured(subject, first, verdict.rests_on)
    return Results(
        schema=SCHEMA,
        verdict=verdict,
        primary=PRIMARY,
        family=list(COMPARED),
        systems=described,
        comparisons=comparisons,
        variance=variance,
        faults=faults,
        slices=slices,
        sensitivity=scored.sensitivity,
        guard=guard,
        shipped=shipped,
        contamination=contamination,
        study=study,
        correlations=correlate(study, items, {name: runs[0] for name, runs in scored.runs.items()}, options.seed)
        if study
        else [],
        judge=_judged(items, everyone, judge, options.seed, study, recorder) if judge and judge.base_url else None,
        items=[
            _item(index, item, everyone, scored, own)
            for index, (item, own) in enumerate(zip(items, properties(items), strict=True))
        ],
        environment=environment,
    ).rounded()


def _score(items: list[TestItem], everyone: list[System], options: MetricOptions, recorder: Recorder) -> Scored:
    def on_batch(done: int, total: int) -> None:
        recorder.progress("encode", done, total)
        recorder.check_stop()

    targets = {run.name: targets_for(run, items, options.seed) for system in everyone for run in system.runs}
    metrics = load_text_metrics(options, [item.reference for item in items], on_batch)
    scored = Scored({}, {}, {}, {}, {}, [])
    runs = [run for system in everyone for run in system.runs]
    damaged = damage(items, options)
    texts = [
        *(text for pair in damaged_pairs(damaged) for text in pair),
        *(text for name in targets for own in targets[name].own for text in own),
    ]
    matcher = load_matcher(metrics.bert, [*texts, *(output for run in runs for output in run.outputs)], items, options)
    pairs = [pair for run in runs for pair in pairs_of(run, targets[run.name])]
    # In one go, so that each text is encoded once; the cache holds them from here on.
    metrics.bertscore([*pairs, *damaged_pairs(damaged)])
    questions = [item.prompt for item in items]
    for done, system in enumerate(runs, start=1):
        own = targets[system.name]
        conformance, scored.formats[system.name] = score_format(system, options)
        steps, scored.alignments[system.name] = score_steps(system, own, matcher, metrics.bert, options)
        similarity = score_bertscore(system, own, metrics)
        scored.scores[system.name] = {
            **score_rouge(system, own, metrics, questions),
            **similarity,
            "format_conformance": conformance,
            **steps,
        }
        scored.faults[system.name] = find_faults(
            system, items, scored.formats[system.name], scored.alignments[system.name]
        )
        recorder.progress("score", done, len(runs))
    for system in everyone:
        scored.runs[system.name] = [scored.scores.pop(run.name) for run in system.runs]
        scored.scores[system.name] = pool(scored.runs[system.name])
    scored.sensitivity.extend(measure_sensitivity(damaged, metrics, matcher, options))
    return scored


def _judged(
    items: list[TestItem],
    everyone: list[System],
    judge: JudgeOptions,
    seed: int,
    study: StudyResults | None,
    recorder: Recorder,
) -> Judge:
    def on_item(done: int, total: int) -> None:
        recorder.progress("judge", done, total)
        recorder.check_stop()

    found = judge_systems(items, everyone, judge, seed, on_item)
    if study:
        found.against_humans = measure_judge(found, study, items)
    return found


def _system(system: System, items: list[TestItem], scored: Scored, options: MetricOptions) -> document.System:
    groups = [item.group for item in items]
    scores = scored.scores[system.name]
    formats = [found for run in system.runs for found in scored.formats[run.name]]
    inversions = [found.inversions for run in system.runs for found in scored.alignments[run.name] if found]
    all_answers = replace(
        system,
        outputs=[output for run in system.runs for output in run.outputs],
        finish_reasons=[reason for run in system.runs for reason in run.finish_reasons],
    )
    all_items = items * len(system.runs)
    faults = {name: [flag for run in system.runs for flag in scored.faults[run.name][name]] for name in FAULTS}
    described = document.System(
        metrics={name: _metric(name, metric, groups, options) for name, metric in scores.items()},
        descriptive=describe(all_answers, all_items, formats, inversions, scores["bertscore_f1"].truncated),
        rates=rates(all_answers, all_items, faults),
        source=system.source,
    )
    if system.generation:
        described.generation = system.generation
    if system.rest:
        described.runs = runs_of(system, scored.runs[system.name])
        described.same_data = not has_unknown_data(system)
    return described


def _flags(system: System, scored: Scored) -> dict[str, Floats]:
    """By fault the share of the system's runs in which each item has it."""
    return {
        name: np.array([scored.faults[run.name][name] for run in system.runs], dtype=np.float64).mean(axis=0)
        for name in FAULTS
    }


def _metric(name: str, scores: MetricScores, groups: list[str], options: MetricOptions) -> Metric:
    """Mean with interval; null for the human system where no second reference exists."""
    scored = np.flatnonzero(~np.isnan(scores.values))
    floors = scores.floors[~np.isnan(scores.floors)]
    metric = Metric(
        mean=None,
        ci95=None,
        n=len(scored),
        undefined=scores.undefined,
        floor=float(floors.mean()) if len(floors) else None,
        floor_note=scores.floor_note,
        truncated=scores.truncated,
        signature=scores.signature,
    )
    if not len(scored):
        return metric
    data = cluster(scores.values[scored], [groups[index] for index in scored])
    metric.mean = data.mean
    if name == "format_conformance" and are_yes_or_no(scores.values[scored]):
        metric.ci95, metric.interval, metric.effective_n = share_interval(data), "wilson", effective_size(data)
    else:
        metric.ci95 = mean_interval(data, options.bootstrap_samples, options.seed, reach_of(name))
        metric.interval = "cluster-robust t"
    metric.above_floor = above(scores.values - scores.floors, groups, options, reach_of(name, 1))
    if scores.questions is not None:
        known = ~np.isnan(scores.questions)
        metric.question = float(scores.questions[known].mean()) if known.any() else None
        metric.above_question = above(scores.values - scores.questions, groups, options, reach_of(name, 1))
    return metric


def _named(name: str, systems: list[System]) -> System:
    return next(system for system in systems if system.name == name)


def _item(index: int, item: TestItem, everyone: list[System], scored: Scored, slices: dict[str, str]) -> Item:
    aligned = {system.name: scored.alignments[system.name][index] for system in everyone}
    return Item(
        id=item.id,
        prompt=item.prompt,
        reference=item.reference,
        group=item.group,
        language=item.language,
        slices=slices,
        outputs={system.name: system.outputs[index] for system in everyone if system.name != HUMAN},
        scores={
            system.name: {name: _known(metric.values[index]) for name, metric in scored.scores[system.name].items()}
            for system in everyone
        },
        failed_checks={
            system.name: [check for check, passed in scored.formats[system.name][index].checks.items() if not passed]
            for system in everyone
        },
        inversions={
            name: [list(pair) for pair in found.inversions[:MOST_INVERSIONS]] if found else []
            for name, found in aligned.items()
        },
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _environment(items: list[TestItem], everyone: list[System], options: MetricOptions, started: float) -> Environment:
    return Environment(
        versions={"python": platform.python_version(), **{library: version(library) for library in _LIBRARIES}},
        seed=options.seed,
        bootstrap_samples=options.bootstrap_samples,
        options={name: getattr(options, name) for name in RECORDED_OPTIONS},
        inputs={run.name: run.source for system in everyone for run in system.runs},
        items=len(items),
        groups=len({item.group for item in items}),
        time=Time(started=round(started, 3), seconds=round(time.time() - started, 3)),
    )
