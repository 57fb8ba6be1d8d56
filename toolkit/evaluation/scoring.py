"""Per-item scores of every system, each beside its floor: what the same outputs score with the metric's content destroyed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from toolkit.evaluation.bertscore import Embedding, Encoder, Match, embed, match_pairs
from toolkit.evaluation.conformance import Conformance, check_format, failures_by_check
from toolkit.evaluation.inputs import HUMAN, System, TestItem
from toolkit.evaluation.intervals import Floats
from toolkit.evaluation.rouge import rouge_l, tokenize
from toolkit.evaluation.shuffles import SHUFFLES, other_items, shuffled_lines
from toolkit.evaluation.steps import strip_markers
from toolkit.records import JSON

REFERENCE_FLOOR = f"the same outputs against other items' references, mean of {SHUFFLES} seeded derangements"
FORMAT_FLOOR = f"the same outputs with their lines in random order, mean of {SHUFFLES} seeded shuffles: what the grammar accepts by chance"


@dataclass(frozen=True)
class MetricOptions:
    """How the metrics are computed; every field is part of a signature."""

    bertscore_model: str
    bertscore_layer: int | None = None
    bertscore_batch_size: int = 32
    rouge_tokenizer: str = "ascii"
    markers: str = "strip"
    min_steps: int = 2
    max_steps: int = 15
    seed: int = 17


@dataclass(frozen=True)
class MetricScores:
    """One metric of one system: `values` and `floors` [items], NaN where there is nothing to compare with.

    `truncated` is how many outputs were cut for this metric.
    """

    values: Floats
    floors: Floats
    floor_note: str
    signature: str
    truncated: int = 0


@dataclass(frozen=True)
class Targets:
    """Which texts an item's output is compared with: its own (the best one counts) and, for the floor, other items'."""

    own: list[tuple[str, ...]]
    others: list[tuple[str, ...]]


def targets_for(system: System, items: list[TestItem], seed: int) -> Targets:
    """The references; for the human system the second references, for a reference is never compared with itself."""
    references = [item.reference for item in items]
    partners = other_items([item.group for item in items], seed)
    own: list[tuple[str, ...]] = [item.second_references if system.name == HUMAN else (item.reference,) for item in items]
    return Targets(own, [tuple(references[partner[index]] for partner in partners) for index in range(len(items))])


def score_rouge(system: System, targets: Targets, options: MetricOptions) -> MetricScores:
    """ROUGE-L F of each output."""
    prepare = _preparation(options.markers)
    tokens: dict[str, list[str]] = {}

    def words(text: str) -> list[str]:
        if text not in tokens:
            tokens[text] = tokenize(prepare(text), options.rouge_tokenizer)
        return tokens[text]

    values, floors = _score_pairs(system, targets, lambda output, reference: rouge_l(words(reference), words(output)))
    signature = f"rouge_l|f1|tokenizer:{options.rouge_tokenizer}|stemmer:no|markers:{options.markers}|floor:{SHUFFLES}x,seed:{options.seed}|like:rouge-score-0.1.2"
    return MetricScores(values, floors, REFERENCE_FLOOR, signature)


def score_bertscore(
    systems: list[System], targets: dict[str, Targets], encoder: Encoder, options: MetricOptions, on_batch: Callable[[int, int], None]
) -> dict[str, dict[str, MetricScores]]:
    """BERTScore precision, recall and F of each output, by system; each different text is encoded once."""
    prepare = _preparation(options.markers)
    texts = [text for system in systems for text in system.outputs]
    texts += [text for name in targets for references in (*targets[name].own, *targets[name].others) for text in references]
    embeddings = embed(encoder, map(prepare, texts), options.bertscore_batch_size, on_batch)
    by_text = {text: embeddings[prepare(text)] for text in texts}
    pairs = list(dict.fromkeys(pair for system in systems for pair in _pairs(system, targets[system.name])))
    matches = dict(zip(pairs, match_pairs([(by_text[output], by_text[reference]) for output, reference in pairs]), strict=True))
    return {system.name: _bertscore_of(system, targets[system.name], encoder, options, by_text, matches) for system in systems}


def score_format(system: System, options: MetricOptions) -> tuple[MetricScores, list[Conformance]]:
    """Conformance of each output as 0 or 1, and the checks behind it."""
    results = [_conformance(output, reason, options) for output, reason in zip(system.outputs, system.finish_reasons, strict=True)]
    floors = [
        np.mean([_conformance(version, reason, options).conforms for version in shuffled_lines(output, options.seed + index)])
        for index, (output, reason) in enumerate(zip(system.outputs, system.finish_reasons, strict=True))
    ]
    signature = f"format_conformance|grammar:1|steps:{options.min_steps}-{options.max_steps}|interval:wilson|floor:{SHUFFLES}x,seed:{options.seed}"
    return MetricScores(
        np.array([float(result.conforms) for result in results]), np.array(floors, dtype=np.float64), FORMAT_FLOOR, signature
    ), results


def describe(system: System, items: list[TestItem], formats: list[Conformance]) -> JSON:
    """Plain counts and means of a system's outputs."""
    words = [len(output.split()) for output in system.outputs]
    reference_words = sum(len(item.reference.split()) for item in items)
    return {
        "length_words": float(np.mean(words)),
        "length_ratio": sum(words) / reference_words,
        "empty": sum(not output.strip() for output in system.outputs),
        "cut_off": sum(not result.checks["not_cut_off"] for result in formats),
        "finish_reason_missing": sum(reason is None for reason in system.finish_reasons),
        "steps": float(np.mean([result.steps for result in formats])),
        "marker_styles": dict(sorted(Counter(result.style for result in formats if result.style).items())),
        "failed_checks": failures_by_check(formats),
    }


def _pairs(system: System, targets: Targets) -> list[tuple[str, str]]:
    compared = zip(system.outputs, targets.own, targets.others, strict=True)
    return [(output, reference) for output, own, others in compared for reference in (*own, *others)]


def _bertscore_of(
    system: System,
    targets: Targets,
    encoder: Encoder,
    options: MetricOptions,
    embeddings: dict[str, Embedding],
    matches: dict[tuple[str, str], Match],
) -> dict[str, MetricScores]:
    references = {reference for _, reference in _pairs(system, targets)}
    cut = sum(embeddings[text].truncated for text in system.outputs)
    cut_references = np.mean([embeddings[text].truncated for text in references]) if references else 0.0
    empty = sum(embeddings[text].is_empty for text in system.outputs)
    signature = f"{encoder.signature}|markers:{options.markers}|truncated:{cut / len(system.outputs):.3f},references:{cut_references:.3f}|empty:{empty}|floor:{SHUFFLES}x,seed:{options.seed}"
    scores = {}
    for name, part in (("bertscore_p", "precision"), ("bertscore_r", "recall"), ("bertscore_f1", "f1")):
        values, floors = _score_pairs(system, targets, _lookup({pair: float(getattr(found, part)) for pair, found in matches.items()}))
        scores[name] = MetricScores(values, floors, REFERENCE_FLOOR, signature, cut)
    return scores


def _lookup(scores: dict[tuple[str, str], float]) -> Callable[[str, str], float]:
    return lambda output, reference: scores[output, reference]


def _score_pairs(system: System, targets: Targets, score: Callable[[str, str], float]) -> tuple[Floats, Floats]:
    values = [max((score(output, reference) for reference in own), default=np.nan) for output, own in zip(system.outputs, targets.own, strict=True)]
    floors = [
        np.mean([score(output, reference) for reference in others]) if others else np.nan
        for output, others in zip(system.outputs, targets.others, strict=True)
    ]
    return np.array(values, dtype=np.float64), np.array(floors, dtype=np.float64)


def _conformance(output: str, reason: str | None, options: MetricOptions) -> Conformance:
    return check_format(output, reason, options.min_steps, options.max_steps)


def _preparation(markers: str) -> Callable[[str], str]:
    return strip_markers if markers == "strip" else str
