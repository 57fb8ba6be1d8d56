"""BERTScore on transformers 5 as a module for Hugging Face's evaluate: `evaluate.load(path)`, offline."""

from typing import Any

import datasets
import evaluate

from toolkit.evaluation.bertscore import BertScorer, idf_over, official_baseline
from toolkit.evaluation.embedding_cache import EmbeddingCache
from toolkit.evaluation.encoder import load_encoder

_DESCRIPTION = (
    "BERTScore (Zhang et al., 2020), equal to bert-score 0.3.13 where that works; empty texts score 0 instead of"
    " failing."
)
_INPUTS = """
    predictions: list of texts; references: list of texts
    model: a hub id, a folder, or embedded:all-minilm-l6-v2; layer: bert-score's choice, else the last
    idf: weight tokens by their rarity in these references; rescale: by bert-score's baseline for `lang`
Returns precision, recall and f1 (one for each prediction; NaN where not defined) and the signature.
"""


class SteptuneBertscore(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")})
        return evaluate.MetricInfo(description=_DESCRIPTION, citation="", inputs_description=_INPUTS, features=features)

    def _compute(
        self,
        predictions: list[str],
        references: list[str],
        model: str = "embedded:all-minilm-l6-v2",
        layer: int | None = None,
        idf: bool = False,
        rescale: bool = False,
        lang: str = "en",
        batch_size: int = 32,
    ) -> dict[str, Any]:
        encoder = load_encoder(model, layer)
        baseline = official_baseline(model, encoder.layer, lang) if rescale else None
        cache = EmbeddingCache(None, encoder.key)
        scorer = BertScorer(encoder, cache, batch_size, _quiet, None, baseline)
        if idf:
            scorer = BertScorer(encoder, cache, batch_size, _quiet, idf_over(scorer, references), baseline)
        pairs = list(zip(predictions, references, strict=True))
        found = scorer.score(pairs)
        return {
            "precision": [found[pair].precision for pair in pairs],
            "recall": [found[pair].recall for pair in pairs],
            "f1": [found[pair].f1 for pair in pairs],
            "signature": scorer.signature,
        }


def _quiet(done: int, total: int) -> None:
    """No progress: evaluate has none."""
