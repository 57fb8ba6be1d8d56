"""The presence penalty inside vLLM on a CPU, by the tokens that an answer has instead of by tables of the vocabulary.

vLLM's own code fills four tables of rows x vocabulary for every token (vllm/model_executor/layers/utils.py). A GPU
does that in no time; on two cores with a vocabulary of 49,152 it takes a quarter of the time. The numbers are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.v1.sample.logits_processor import RequestLogitsProcessor

PENALTY = "presence_penalty"  # its name in a request's extra_args


class PresencePenalty(AdapterLogitsProcessor):
    """Lowers the logit of each token that the answer has already, once, as OpenAI's presence penalty does."""

    def is_argmax_invariant(self) -> bool:
        return False

    def new_req_logits_processor(self, params: SamplingParams) -> RequestLogitsProcessor | None:
        penalty = (params.extra_args or {}).get(PENALTY)
        return _penalise(float(penalty)) if penalty else None


def _penalise(penalty: float) -> RequestLogitsProcessor:
    def lower(output_ids: list[int], logits: torch.Tensor) -> torch.Tensor:
        if output_ids:
            logits[torch.tensor(list(set(output_ids)))] -= penalty
        return logits

    return lower
