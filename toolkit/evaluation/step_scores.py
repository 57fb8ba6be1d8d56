"""Step F1 and order τ of every output, by the similarity of single steps under the BERTScore encoder."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from toolkit.evaluation.alignment import MOST_STEPS, THRESHOLD_QUANTILE, Alignment, align, floor_threshold, kendall_tau
from toolkit.evaluation.bertscore import BertScorer, weigh
from toolkit.evaluation.inputs import System, TestItem
from toolkit.evaluation.intervals import Floats
from toolkit.evaluation.scoring import (
    REFERENCE_FLOOR,
    MetricScores,
    Targets,
    floor_signature,
    mean_defined,
    undefined_count,
)
from toolkit.evaluation.shuffles import SHUFFLES, other_items
from toolkit.evaluation.steps import step_texts
from toolkit.options.evaluation import MetricOptions

if TYPE_CHECKING:
    from toolkit.evaluation.encoder import Embedding

ORDER_FLOOR = f"the same paired steps in random order, mean of {SHUFFLES} seeded shuffles"
FALLBACK_THRESHOLD = 0.6  # where there is no other item to take a floor from; the signature says so
MOST_INVERSIONS = 20  # kept of one output; the number of all is kept as well


@dataclass(frozen=True)
class StepMatcher:
    """Aligns answers by the cosine of their steps' mean token vectors; `threshold` is the least that counts as the same
    step.
    """

    vectors: dict[str, Floats]
    threshold: float
    origin: str

    def align(self, output: str, reference: str) -> Alignment:
        """The steps of an output that are steps of the reference."""
        return align(self.similarity(output, reference), self.threshold)

    def similarity(self, output: str, reference: str) -> Floats:
        """Cosines [output steps, reference steps]."""
        own, theirs = _steps(output), _steps(reference)
        if not own or not theirs:
            return np.zeros((len(own), len(theirs)))
        left, right = (np.stack([self.vectors[step] for step in steps]) for steps in (own, theirs))
        alike = np.array([[step == other for other in theirs] for step in own])  # also where a step has no vector
        return np.where(alike, 1.0, np.asarray(left @ right.T, dtype=np.float64))

    def signature(self, scorer: BertScorer) -> str:
        threshold = f"threshold:{self.threshold:.4f}({self.origin})"
        return f"model:{scorer.encoder.name}|{scorer.encoder.key}|pooling:mean|{threshold}"


def load_matcher(
    scorer: BertScorer, texts: Iterable[str], items: list[TestItem], options: MetricOptions
) -> StepMatcher:
    """A matcher for the steps of these texts, the references included."""
    everything = dict.fromkeys(step for text in (*texts, *(item.reference for item in items)) for step in _steps(text))
    embeddings = scorer.embed(everything)
    vectors = {step: _mean_vector(embeddings[step], scorer) for step in everything}
    if options.step_threshold is not None:
        return StepMatcher(vectors, options.step_threshold, "given")
    found = floor_threshold(_unrelated(StepMatcher(vectors, 1.0, ""), items, options.seed))
    if found is None:
        return StepMatcher(vectors, FALLBACK_THRESHOLD, "fixed: no other item")
    return StepMatcher(vectors, min(1.0, round(found, 4)), f"floor q{THRESHOLD_QUANTILE}")


def score_steps(
    system: System, targets: Targets, matcher: StepMatcher, scorer: BertScorer, options: MetricOptions
) -> tuple[dict[str, MetricScores], list[Alignment | None]]:
    """Step F1 and order τ of each output, and the alignment with its best reference (None where there is none)."""
    alignments = [
        _best_alignment(matcher, output, own) for output, own in zip(system.outputs, targets.own, strict=True)
    ]
    f1 = np.array([np.nan if found is None else found.f1 for found in alignments])
    tau = np.array([np.nan if found is None else found.tau for found in alignments])
    floors = [
        mean_defined([matcher.align(output, other).f1 for other in others])
        for output, others in zip(system.outputs, targets.others, strict=True)
    ]
    chance = [
        np.nan if found is None else _chance_tau(found, options.seed + index) for index, found in enumerate(alignments)
    ]
    cut = sum(len(step_texts(output)) > MOST_STEPS for output in system.outputs)
    base = f"{matcher.signature(scorer)}|most_steps:{MOST_STEPS}|{floor_signature(options)}"
    return {
        "step_f1": MetricScores(
            f1,
            np.array(floors, dtype=np.float64),
            REFERENCE_FLOOR,
            f"step_f1|{base}",
            cut,
            undefined_count(f1, targets),
        ),
        "order_tau": MetricScores(
            tau,
            np.array(chance, dtype=np.float64),
            ORDER_FLOOR,
            f"order_tau|kendall|{base}",
            cut,
            undefined_count(tau, targets),
        ),
    }, alignments


def _steps(text: str) -> list[str]:
    return step_texts(text)[:MOST_STEPS]


def _best_alignment(matcher: StepMatcher, output: str, references: tuple[str, ...]) -> Alignment | None:
    found = [matcher.align(output, reference) for reference in references]
    return max(found, key=lambda alignment: -1.0 if np.isnan(alignment.f1) else alignment.f1, default=None)


def _unrelated(matcher: StepMatcher, items: list[TestItem], seed: int) -> list[float]:
    """For each human step, its similarity to the likest step of another item's answer, once for each derangement."""
    best: list[float] = []
    for partner in other_items([item.group for item in items], seed):
        for index, item in enumerate(items):
            similarity = matcher.similarity(item.reference, items[partner[index]].reference)
            if similarity.size:
                best.extend(similarity.max(axis=1).tolist())
    return best


def _chance_tau(alignment: Alignment, seed: int) -> float:
    generator = random.Random(seed)
    order = [reference for _, reference in alignment.pairs]
    return mean_defined([kendall_tau(generator.sample(order, len(order))) for _ in range(SHUFFLES)])


def _mean_vector(embedding: Embedding, scorer: BertScorer) -> Floats:
    weighted = weigh(embedding, scorer.encoder.special_tokens, None)
    mean = (weighted.vectors * weighted.weights[:, None]).sum(dim=0).numpy().astype(np.float64)
    length = float(np.linalg.norm(mean))
    return np.asarray(mean / length if length else mean, dtype=np.float64)
