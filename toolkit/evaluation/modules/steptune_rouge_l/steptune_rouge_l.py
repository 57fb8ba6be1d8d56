"""ROUGE-L of how-to answers as a module for Hugging Face's evaluate: `evaluate.load(path)`, offline."""

from typing import Any

import datasets
import evaluate

from toolkit.evaluation.rouge import rouge_l, tokenize
from toolkit.evaluation.steps import strip_markers

_DESCRIPTION = "ROUGE-L F (Lin, 2004), equal to rouge-score's rougeL, on texts without list markers."
_INPUTS = """
    predictions: list of texts; references: list of texts
    markers: `strip` (default) takes list markers away first, `keep` gives rouge-score's plain number
    tokenizer: `ascii` (default) splits like rouge-score, `unicode` keeps all letters
Returns rouge_l (mean) and scores (one for each prediction).
"""


class SteptuneRougeL(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")})
        return evaluate.MetricInfo(description=_DESCRIPTION, citation="", inputs_description=_INPUTS, features=features)

    def _compute(
        self, predictions: list[str], references: list[str], markers: str = "strip", tokenizer: str = "ascii"
    ) -> dict[str, Any]:
        prepare = strip_markers if markers == "strip" else str
        scores = [
            rouge_l(tokenize(prepare(reference), tokenizer), tokenize(prepare(prediction), tokenizer))
            for prediction, reference in zip(predictions, references, strict=True)
        ]
        return {"rouge_l": sum(scores) / len(scores), "scores": scores}
