"""The language-model head on labelled positions alone.

On CUDA, TRL's fused head already leaves out the others. On CPU it scores every position and recomputes the logits in the
backward pass, which for a vocabulary of 262k is most of a step (TRL 1.16, `add_fused_lm_head`: `compact` is for Triton devices).
"""

from __future__ import annotations

import functools
import types
from typing import Any

import torch
from transformers import PreTrainedModel


def add_labelled_head(model: PreTrainedModel) -> None:
    """Teach `model` the call `model(..., labels=labels, labelled_head=True)`, which returns the summed loss.

    labels: int64 [batch, tokens], -100 = not learned. The result is a 0-dimensional float32 tensor: the negative
    log-likelihood summed over labelled tokens, 0 where there are none. Other calls reach the model as before.
    The call goes through `forward`, so that DDP and ZeRO-3 see it. Mixture-of-experts balancing losses are not covered.
    """
    original = model.forward

    @functools.wraps(original)
    def forward(self: PreTrainedModel, *args: Any, labelled_head: bool = False, **kwargs: Any) -> Any:
        if not labelled_head:
            return original(*args, **kwargs)
        labels = kwargs.pop("labels")
        hidden = self.base_model(*args, **kwargs, use_cache=False).last_hidden_state
        return _summed_loss(self, hidden[:, :-1], labels[:, 1:])

    model.forward = types.MethodType(forward, model)


def _summed_loss(model: PreTrainedModel, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    learned = labels != -100
    if not learned.any():
        return hidden.sum().float() * 0.0  # keeps the graph, so that every process has a backward pass
    logits = model.get_output_embeddings()(hidden[learned]).float()
    softcap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
    if softcap:
        logits = torch.tanh(logits / softcap) * softcap
    return torch.nn.functional.cross_entropy(logits, labels[learned], reduction="sum")
