"""Format conformance of numbered lists as a module for Hugging Face's evaluate: `evaluate.load(path)`, offline."""

from typing import Any

import datasets
import evaluate

from toolkit.evaluation.conformance import check_format, failures_by_check

_DESCRIPTION = (
    "Whether an answer is one well-formed numbered list and nothing else: starts at 1, no gap, one style, no empty or"
    " repeated step."
)
_INPUTS = """
    predictions: list of texts
    min_steps, max_steps: the range of steps that is right (default 2 to 15)
Returns format_conformance (share), conforms (one for each prediction) and failed_checks (how many fail each check).
"""


class SteptuneFormat(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": datasets.Value("string")})
        return evaluate.MetricInfo(description=_DESCRIPTION, citation="", inputs_description=_INPUTS, features=features)

    def _compute(self, predictions: list[str], min_steps: int = 2, max_steps: int = 15) -> dict[str, Any]:
        results = [check_format(text, "stop", min_steps, max_steps) for text in predictions]
        conforms = [result.conforms for result in results]
        return {
            "format_conformance": sum(conforms) / len(conforms),
            "conforms": conforms,
            "failed_checks": failures_by_check(results),
        }
