"""Step F1 and order of how-to answers as a module for Hugging Face's evaluate: `evaluate.load(path)`, offline."""

import math
from typing import Any

import datasets
import evaluate

from toolkit.evaluation.bertscore import BertScorer
from toolkit.evaluation.embedding_cache import EmbeddingCache
from toolkit.evaluation.encoder import load_encoder
from toolkit.evaluation.inputs import TestItem
from toolkit.evaluation.step_scores import load_matcher
from toolkit.options.evaluation import MetricOptions

_DESCRIPTION = (
    "Which steps of the reference an answer has (step F1), and whether they come in its order (Kendall's tau of the"
    " paired steps)."
)
_INPUTS = """
    predictions: list of texts; references: list of texts
    model: encoder that compares steps; threshold: least similarity of the same step
        (default: what unrelated reference steps reach)
Returns step_f1 and order_tau (means of what is defined), and scores and taus (one for each prediction; NaN where not
defined).
"""


class SteptuneSteps(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")})
        return evaluate.MetricInfo(description=_DESCRIPTION, citation="", inputs_description=_INPUTS, features=features)

    def _compute(
        self,
        predictions: list[str],
        references: list[str],
        model: str = "embedded:all-minilm-l6-v2",
        threshold: float | None = None,
    ) -> dict[str, Any]:
        encoder = load_encoder(model)
        scorer = BertScorer(encoder, EmbeddingCache(None, encoder.key), 32, _quiet)
        items = [TestItem(str(index), "", reference, str(index)) for index, reference in enumerate(references)]
        matcher = load_matcher(scorer, predictions, items, MetricOptions(step_threshold=threshold))
        found = [
            matcher.align(prediction, reference) for prediction, reference in zip(predictions, references, strict=True)
        ]
        scores, taus = [alignment.f1 for alignment in found], [alignment.tau for alignment in found]
        return {"step_f1": _mean(scores), "order_tau": _mean(taus), "scores": scores, "taus": taus}


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


def _quiet(done: int, total: int) -> None:
    """No progress: evaluate has none."""
