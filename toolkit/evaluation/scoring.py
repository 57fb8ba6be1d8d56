"""Per-item scores of every system, each with its floor: what the same outputs score with the metric's content
destroyed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from toolkit.bundled import cache_dir
from toolkit.evaluation import peers
from toolkit.evaluation.bertscore import BertScorer, Match, Pair, idf_over, official_baseline
from toolkit.evaluation.conformance import Conformance, check_format
from toolkit.evaluation.embedding_cache import EmbeddingCache
from toolkit.evaluation.encoder import load_encoder
from toolkit.evaluation.inputs import System, TestItem
from toolkit.evaluation.intervals import Floats
from toolkit.evaluation.rouge import rouge_l, rouge_lsum, tokenize, tokenizer_for
from toolkit.evaluation.shuffles import SHUFFLES, other_items, shuffled_lines
from toolkit.evaluation.steps import strip_markers
from toolkit.options.evaluation import MetricOptions
from toolkit.results.metrics import HUMAN

REFERENCE_FLOOR = f"the same outputs against other items' references, mean of {SHUFFLES} seeded derangements"
FORMAT_FLOOR = (
    f"the same outputs with their lines in random order, mean of {SHUFFLES} seeded shuffles: what the grammar accepts"
    " by chance"
)
BERTSCORES = {"bertscore_p": "precision", "bertscore_r": "recall", "bertscore_f1": "f1"}


@dataclass(frozen=True)
class MetricScores:
    """One metric of one system: `values` and `floors` [items], NaN where there is nothing to compare with.

    `truncated` is how many outputs were cut for this metric; `undefined` how many outputs that have a reference got no
    value; `questions` [items] is what the question itself scores as an answer, where that is measured.
    """

    values: Floats
    floors: Floats
    floor_note: str
    signature: str
    truncated: int = 0
    undefined: int = 0
    questions: Floats | None = None


@dataclass(frozen=True)
class Targets:
    """Which texts an item's output is compared with: its own (the best one counts) and, for the floor, other items'."""

    own: list[tuple[str, ...]]
    others: list[tuple[str, ...]]

    @property
    def has_own(self) -> list[bool]:
        return [bool(own) for own in self.own]


def targets_for(system: System, items: list[TestItem], seed: int) -> Targets:
    """The references; for the human system the second references, for a reference is never compared with itself."""
    references = [item.reference for item in items]
    partners = other_items([item.group for item in items], seed)
    own: list[tuple[str, ...]] = [
        item.second_references if system.name == HUMAN else (item.reference,) for item in items
    ]
    return Targets(own, [tuple(references[partner[index]] for partner in partners) for index in range(len(items))])


@dataclass(frozen=True)
class TextMetrics:
    """The metrics that compare two texts: ROUGE-L and BERTScore, by the chosen backends, on texts prepared alike."""

    options: MetricOptions
    bert: BertScorer
    references: Sequence[str] = ()  # of all items: what a token's rarity is counted in

    @cached_property
    def _tokens(self) -> dict[str, list[str]]:
        return {}

    def prepare(self, text: str) -> str:
        return strip_markers(text) if self.options.markers == "strip" else text

    def rouge(self, pairs: Iterable[Pair]) -> dict[Pair, float]:
        """ROUGE-L F of each different pair (output, reference)."""
        wanted = list(dict.fromkeys(pairs))
        if self.options.rouge_backend == "own":
            return {pair: rouge_l(self._words(pair[1]), self._words(pair[0])) for pair in wanted}
        prepared = [(self.prepare(output), self.prepare(reference)) for output, reference in wanted]
        return dict(zip(wanted, peers.rouge(self.options.rouge_backend, prepared), strict=True))

    def rouge_lsum(self, pairs: Iterable[Pair]) -> dict[Pair, float]:
        """ROUGE-Lsum F of each different pair, line by line; always by our own code."""
        return {pair: rouge_lsum(self._lines(pair[1]), self._lines(pair[0])).f1 for pair in dict.fromkeys(pairs)}

    def bertscore(self, pairs: Iterable[Pair]) -> dict[Pair, Match]:
        """BERTScore of each different pair (output, reference)."""
        wanted = list(dict.fromkeys(pairs))
        prepared = {pair: (self.prepare(pair[0]), self.prepare(pair[1])) for pair in wanted}
        if self.options.bertscore_backend == "own":
            scores = self.bert.score(prepared.values())
        else:
            scores = peers.bertscore(
                self.options, self.bert.encoder, list(dict.fromkeys(prepared.values())), self._idf_corpus
            )
        return {pair: scores[prepared[pair]] for pair in wanted}

    def truncated(self, texts: Iterable[str]) -> int:
        """How many texts the encoder cuts."""
        prepared = [self.prepare(text) for text in texts]
        facts = self.bert.facts(prepared)
        return sum(facts[text].truncated for text in prepared)

    def empty(self, texts: Iterable[str]) -> int:
        """How many texts have no token of their own."""
        prepared = [self.prepare(text) for text in texts]
        facts = self.bert.facts(prepared)
        return sum(facts[text].empty for text in prepared)

    @property
    def rouge_signature(self) -> str:
        peer = peers.describe(self.options.rouge_backend, "rouge")
        return f"rouge_l|f1|{peer}|tokenizer:{self.options.rouge_tokenizer}|stemmer:no|markers:{self.options.markers}"

    @property
    def rouge_lsum_signature(self) -> str:
        peer, tokenizer = peers.describe("own", "rouge"), self.options.rouge_tokenizer
        return f"rouge_lsum|f1|{peer}|split:lines|tokenizer:{tokenizer}|stemmer:no|markers:{self.options.markers}"

    @property
    def bertscore_signature(self) -> str:
        peer = peers.describe(self.options.bertscore_backend, "bertscore")
        return f"{self.bert.signature}|{peer}|markers:{self.options.markers}"

    @cached_property
    def _idf_corpus(self) -> list[str]:
        return [self.prepare(text) for text in self.references]

    def _lines(self, text: str) -> list[list[str]]:
        return [
            words for line in self.prepare(text).splitlines() if (words := tokenize(line, self.options.rouge_tokenizer))
        ]

    def _words(self, text: str) -> list[str]:
        if text not in self._tokens:
            self._tokens[text] = tokenize(self.prepare(text), self.options.rouge_tokenizer)
        return self._tokens[text]


def load_text_metrics(
    options: MetricOptions, references: Sequence[str], on_batch: Callable[[int, int], None]
) -> TextMetrics:
    """The text metrics with their encoder; a token's rarity is counted in `references`.

    Raises:
        ModelError: the encoder cannot be loaded, or rescaling is asked for where there is no official baseline.
    """
    if options.rouge_tokenizer == "auto":
        options = options.model_copy(update={"rouge_tokenizer": tokenizer_for(references)})
    encoder = load_encoder(options.bertscore_model, options.bertscore_layer)
    baseline = (
        official_baseline(options.bertscore_model, encoder.layer, options.bertscore_language)
        if options.bertscore_rescale
        else None
    )
    cache = cache_dir() / "embeddings" if options.bertscore_cache else None
    bert = BertScorer(
        encoder, EmbeddingCache(cache, encoder.key), options.bertscore_batch_size, on_batch, None, baseline
    )
    metrics = TextMetrics(options, bert, references)
    if not options.bertscore_idf:
        return metrics
    idf = idf_over(bert, [metrics.prepare(text) for text in references])
    return replace(metrics, bert=BertScorer(encoder, bert.cache, options.bertscore_batch_size, on_batch, idf, baseline))


def score_rouge(
    system: System, targets: Targets, metrics: TextMetrics, questions: list[str]
) -> dict[str, MetricScores]:
    """ROUGE-L F of each output on the whole text, and line by line as the field's summaries report it; beside the first
    what each question scores.
    """
    pairs = pairs_of(system, targets)
    floor = floor_signature(metrics.options)
    found = {
        "rouge_l": (metrics.rouge(pairs), metrics.rouge_signature),
        "rouge_lsum": (metrics.rouge_lsum(pairs), metrics.rouge_lsum_signature),
    }
    scores = {}
    for name, (by_pair, signature) in found.items():
        values, floors = _best_and_floors(system, targets, by_pair.__getitem__)
        scores[name] = MetricScores(values, floors, REFERENCE_FLOOR, f"{signature}|{floor}")
    copied = metrics.rouge(
        [(text, own) for text, all_own in zip(questions, targets.own, strict=True) for own in all_own]
    )
    asked = [
        _best([copied[text, own] for own in all_own]) for text, all_own in zip(questions, targets.own, strict=True)
    ]
    return scores | {"rouge_l": replace(scores["rouge_l"], questions=np.array(asked, dtype=np.float64))}


def score_bertscore(system: System, targets: Targets, metrics: TextMetrics) -> dict[str, MetricScores]:
    """BERTScore precision, recall and F of each output."""
    pairs = pairs_of(system, targets)
    matches = metrics.bertscore(pairs)
    references = list(dict.fromkeys(reference for _, reference in pairs))
    cut = metrics.truncated(system.outputs)
    cut_references = metrics.truncated(references) / len(references) if references else 0.0
    signature = (
        f"{metrics.bertscore_signature}|truncated:{cut / len(system.outputs):.3f},references:{cut_references:.3f}"
        f"|empty:{metrics.empty(system.outputs)}|{floor_signature(metrics.options)}"
    )
    scores = {}
    for name, part in BERTSCORES.items():
        values, floors = _best_and_floors(system, targets, lambda pair, part=part: float(getattr(matches[pair], part)))  # type: ignore[misc]
        scores[name] = MetricScores(values, floors, REFERENCE_FLOOR, signature, cut, undefined_count(values, targets))
    return scores


def score_format(system: System, options: MetricOptions) -> tuple[MetricScores, list[Conformance]]:
    """Conformance of each output as 0 or 1, and the checks behind it."""
    results = [
        conformance(output, reason, options)
        for output, reason in zip(system.outputs, system.finish_reasons, strict=True)
    ]
    floors = [
        np.mean(
            [conformance(version, reason, options).conforms for version in shuffled_lines(output, options.seed + index)]
        )
        for index, (output, reason) in enumerate(zip(system.outputs, system.finish_reasons, strict=True))
    ]
    steps = f"steps:{options.min_steps}-{options.max_steps}"
    signature = f"format_conformance|grammar:2|{steps}|interval:wilson|{floor_signature(options)}"
    values = np.array([float(result.conforms) for result in results])
    return MetricScores(values, np.array(floors, dtype=np.float64), FORMAT_FLOOR, signature), results


def conformance(output: str, reason: str | None, options: MetricOptions) -> Conformance:
    return check_format(output, reason, options.min_steps, options.max_steps)


def pairs_of(system: System, targets: Targets) -> list[Pair]:
    """Every pair (output, reference) that the system is scored on, for values and floors."""
    compared = zip(system.outputs, targets.own, targets.others, strict=True)
    return [(output, reference) for output, own, others in compared for reference in (*own, *others)]


def undefined_count(values: Floats, targets: Targets) -> int:
    return int(np.isnan(values[np.array(targets.has_own, dtype=bool)]).sum())


def floor_signature(options: MetricOptions) -> str:
    return f"floor:{SHUFFLES}x,seed:{options.seed}"


def mean_defined(scores: list[float]) -> float:
    """Mean of those that are not NaN; NaN if none is."""
    defined = [score for score in scores if not np.isnan(score)]
    return float(np.mean(defined)) if defined else np.nan


def _best_and_floors(system: System, targets: Targets, score: Callable[[Pair], float]) -> tuple[Floats, Floats]:
    values = [
        _best([score((output, reference)) for reference in own])
        for output, own in zip(system.outputs, targets.own, strict=True)
    ]
    floors = [
        mean_defined([score((output, reference)) for reference in others])
        for output, others in zip(system.outputs, targets.others, strict=True)
    ]
    return np.array(values, dtype=np.float64), np.array(floors, dtype=np.float64)


def _best(scores: list[float]) -> float:
    return max((score for score in scores if not np.isnan(score)), default=np.nan)
