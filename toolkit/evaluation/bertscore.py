"""BERTScore (Zhang et al., 2020): token vectors of layer L, matched greedily by cosine; equal to bert-score 0.3.13.

As there, special tokens can be matched but carry no weight, and texts are stripped. Unlike there, an empty text scores
0 instead of crashing, truncation is counted, weights that sum to 0 (idf with one reference) give an undefined score
(NaN), and RoBERTa's tokenizer really gets its prefix space. Pairs are matched one by one and kept in the cache.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING

from toolkit.errors import ModelError
from toolkit.evaluation.embedding_cache import EmbeddingCache, TextFacts
from toolkit.evaluation.encoder import Embedding, Encoder, encode, token_ids
from toolkit.records import sha256_json

if TYPE_CHECKING:
    import torch

Pair = tuple[str, str]  # candidate, reference


@dataclass(frozen=True)
class Match:
    """BERTScore of one pair of texts; NaN where it is not defined."""

    precision: float
    recall: float
    f1: float


NOTHING = Match(0.0, 0.0, 0.0)
UNDEFINED = Match(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Idf:
    """Inverse document frequency of tokens over the references: log((N + 1) / (df + 1)), as bert-score takes it."""

    weights: dict[int, float]
    unseen: float

    @property
    def key(self) -> str:
        return sha256_json([sorted(self.weights.items()), self.unseen])[:16]


@dataclass(frozen=True)
class Baseline:
    """bert-score's means over unrelated sentences, by which scores are rescaled: (x - b) / (1 - b)."""

    precision: float
    recall: float
    f1: float

    def rescale(self, match: Match) -> Match:
        return Match(
            (match.precision - self.precision) / (1 - self.precision),
            (match.recall - self.recall) / (1 - self.recall),
            (match.f1 - self.f1) / (1 - self.f1),
        )


@dataclass(frozen=True)
class BertScorer:
    """Scores pairs with an encoder, its cache, and optionally idf weights and a baseline."""

    encoder: Encoder
    cache: EmbeddingCache
    batch_size: int
    on_batch: Callable[[int, int], None]
    idf: Idf | None = None
    baseline: Baseline | None = None

    @cached_property
    def signature(self) -> str:
        idf = f"yes({self.idf.key})" if self.idf else "no"
        rescaled = "official" if self.baseline else "no"
        return f"bertscore|model:{self.encoder.name}|{self.encoder.key}|idf:{idf}|rescaled:{rescaled}"

    def score(self, pairs: Iterable[Pair]) -> dict[Pair, Match]:
        """The score of each different pair; texts are encoded only for pairs that the cache does not hold."""
        wanted = list(dict.fromkeys(pairs))
        idf_key = self.idf.key if self.idf else ""
        known = self.cache.matches(wanted, idf_key)
        missing = [pair for pair in wanted if pair not in known]
        embeddings = self.embed(text for pair in missing for text in pair)
        fresh = {pair: match_pair(*self._weighted(embeddings, pair)) for pair in missing}
        self.cache.keep_matches(
            {pair: (match.precision, match.recall, match.f1) for pair, match in fresh.items()}, idf_key
        )
        found = {pair: fresh[pair] if pair in fresh else Match(*known[pair]) for pair in wanted}
        return {pair: self.baseline.rescale(match) for pair, match in found.items()} if self.baseline else found

    def embed(self, texts: Iterable[str]) -> dict[str, Embedding]:
        """Embeddings of texts, from the cache where it has them."""
        wanted = list(dict.fromkeys(texts))
        found = self.cache.embeddings(wanted)
        fresh = encode(self.encoder, [text for text in wanted if text not in found], self.batch_size, self.on_batch)
        self.cache.keep_embeddings(fresh, self.encoder.special_tokens)
        return {**found, **fresh}

    def facts(self, texts: Iterable[str]) -> dict[str, TextFacts]:
        """Whether each text is cut and whether it has no token of its own."""
        wanted = list(dict.fromkeys(texts))
        known = self.cache.facts(wanted)
        return {text: known[text] if text in known else self._facts_of(text) for text in wanted}

    def _facts_of(self, text: str) -> TextFacts:
        ids, truncated = token_ids(self.encoder, text)
        return TextFacts(truncated, self.encoder.special_tokens.issuperset(ids))

    def _weighted(self, embeddings: dict[str, Embedding], pair: Pair) -> tuple[Weighted, Weighted]:
        candidate, reference = (weigh(embeddings[text], self.encoder.special_tokens, self.idf) for text in pair)
        return candidate, reference


@dataclass(frozen=True)
class Weighted:
    """Token vectors [tokens, width] with weights [tokens]; `is_empty` if no token is the text's own."""

    vectors: torch.Tensor
    weights: torch.Tensor
    is_empty: bool


def idf_over(scorer: BertScorer, references: list[str]) -> Idf:
    """Token weights over the references of the test set."""
    embeddings = scorer.embed(references)
    frequency = Counter(token for text in references for token in set(embeddings[text].token_ids))
    total = len(references) + 1
    return Idf({token: math.log(total / (count + 1)) for token, count in frequency.items()}, math.log(total))


def weigh(embedding: Embedding, special: frozenset[int], idf: Idf | None) -> Weighted:
    """Weight 1 a token (idf: its idf), 0 for special tokens."""
    import torch

    own = [token not in special for token in embedding.token_ids]
    values = [
        (idf.weights.get(token, idf.unseen) if idf else 1.0) if is_own else 0.0
        for token, is_own in zip(embedding.token_ids, own, strict=True)
    ]
    return Weighted(embedding.vectors, torch.tensor(values), not any(own))


def match_pair(candidate: Weighted, reference: Weighted) -> Match:
    """Greedy matching of one pair: 0 where either text is empty, NaN where its weights sum to 0.

    No similarity counts below 0, as in bert-score, which pads with zero vectors.
    """
    import torch

    if candidate.is_empty or reference.is_empty:
        return NOTHING
    with torch.inference_mode():
        similarity = (candidate.vectors @ reference.vectors.T).clamp(min=0.0)  # [candidate tokens, reference tokens]
        precision = _weighted_mean(similarity.amax(dim=1), candidate.weights)
        recall = _weighted_mean(similarity.amax(dim=0), reference.weights)
    if math.isnan(precision) or math.isnan(recall):
        return UNDEFINED
    total = precision + recall
    return Match(precision, recall, 2 * precision * recall / total if total else 0.0)


def official_baseline(model: str, layer: int, language: str) -> Baseline:
    """bert-score's own baseline of a model and layer.

    Raises:
        ModelError: bert-score ships none for this model, language and layer.
    """
    table = files("bert_score").joinpath("rescale_baseline", language, f"{model}.tsv")
    if table.is_file():
        for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines()):
            if int(row["LAYER"]) == layer:
                return Baseline(*(float(row[column]) for column in ("P", "R", "F")))
    raise ModelError(
        f"bertscore_rescale: there is no official baseline for {model}, layer {layer}, language {language}; leave it"
        " out, or choose a model such as roberta-large."
    )


def _weighted_mean(values: torch.Tensor, weights: torch.Tensor) -> float:
    total = float(weights.sum())
    return float((values * weights).sum()) / total if total else math.nan
