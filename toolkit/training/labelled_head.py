"""The language-model head on labelled positions alone; on a CPU with its gradient taken in the same pass.

TRL's own head (1.16, `add_fused_lm_head`) scores all positions on a CPU and computes the logits a second time for the
gradient, which for a vocabulary of 262k is most of a step. On CUDA it leaves out the other positions, but asks the
device in each micro-step where the labelled ones are, and what entropy and accuracy they have; here the collator says
where, and TRL's kernel computes the loss alone. The head is frozen, so that the gradient of the hidden states is all
that is needed.
"""

from __future__ import annotations

import functools
import types
from typing import Any

import torch
from transformers import PreTrainedModel
from trl.kernels import ChunkedLogProbFunction
from trl.trainer.utils import maybe_gather_lm_head_ctx

from toolkit.planning.training_memory import CPU_HEAD_TOKENS, CUDA_TILE

_SCALED_LOGITS = ("logit_scale", "logits_scaling", "lm_head_multiplier", "output_multiplier", "output_router_logits")


def supports_labelled_head(model: PreTrainedModel) -> bool:
    """Whether the head is a plain frozen linear layer (with or without a soft cap): others stay with TRL's."""
    config = model.config.get_text_config()
    head = model.get_output_embeddings()
    return (
        isinstance(head, torch.nn.Linear)
        and head.bias is None
        and not any(getattr(config, name, None) for name in _SCALED_LOGITS)
    )


def add_labelled_head(model: PreTrainedModel) -> None:
    """Teach `model` the call `model(..., labelled=labelled, targets=targets)`, which returns the summed loss.

    labelled, targets: int64 [learned], as BatchRows finds them. The result is a 0-dimensional float32 tensor: the
    negative log-likelihood summed over labelled tokens, 0 where there are none. Other calls reach the model as before.
    The call goes through `forward`, so that DDP and ZeRO-3 see it.
    """
    original = model.forward

    @functools.wraps(original)
    def forward(
        self: PreTrainedModel, *args: Any, labelled: torch.Tensor | None = None, targets: Any = None, **kwargs: Any
    ) -> Any:
        if labelled is None:
            return original(*args, **kwargs)
        hidden = self.base_model(*args, **kwargs, use_cache=False).last_hidden_state
        learned = hidden.flatten(0, 1).index_select(0, labelled)
        weight = self.get_output_embeddings().weight
        softcap = getattr(self.config.get_text_config(), "final_logit_softcapping", None)
        with maybe_gather_lm_head_ctx(weight):
            score = SummedLoss.apply if hidden.device.type == "cpu" else summed_loss_on_cuda
            return score(learned, weight, targets, softcap)

    model.forward = types.MethodType(forward, model)


def summed_loss_on_cuda(
    hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor, softcap: float | None
) -> torch.Tensor:
    """What `SummedLoss` computes, by TRL's kernel, which keeps no logits."""
    log_probs = ChunkedLogProbFunction.apply(hidden, weight, None, labels, 1.0, CUDA_TILE[1], softcap, 1.0, ())[0]
    return -log_probs.sum()


class SummedLoss(torch.autograd.Function):
    """Summed cross-entropy of `hidden @ weight.T`, a chunk of tokens at a time.

    hidden: [tokens, width]; weight: [vocabulary, width], frozen; labels: int64 [tokens]; softcap: Gemma 2's, or None.
    Scores lie vocabulary-major and are exponentiated in place: on two AVX2 cores that took 5.3 s for 512 tokens of a
    262k vocabulary, against 9.4 s for linear, logsumexp and softmax.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor, softcap: float | None
    ) -> torch.Tensor:
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(hidden), CPU_HEAD_TOKENS):
            chunk = slice(start, start + CPU_HEAD_TOKENS)
            scores = torch.mm(weight, hidden[chunk].T).float()  # [vocabulary, tokens]
            if softcap:
                scores.div_(softcap).tanh_().mul_(softcap)
            slope = 1 - (scores / softcap) ** 2 if softcap and gradient is not None else None
            highest, of_label = scores.amax(dim=0), scores.gather(0, labels[None, chunk])[0]
            total = scores.sub_(highest).exp_().sum(dim=0)
            loss += (total.log() + highest - of_label).sum()
            if gradient is not None:
                gradient[chunk] = _gradient(scores, total, slope, weight, labels[chunk])
        ctx.gradient = gradient
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        return ctx.gradient * upstream[0].to(ctx.gradient.dtype), None, None, None


def _gradient(
    exponentials: torch.Tensor,
    total: torch.Tensor,
    slope: torch.Tensor | None,
    weight: torch.Tensor,
    labels: torch.Tensor,
) -> torch.Tensor:
    """(softmax - one-hot label) @ weight, with the slope of a soft cap if there is one. Overwrites `exponentials`."""
    learned = weight[labels]
    if slope is not None:
        exponentials.mul_(slope)
        learned = learned * slope.gather(0, labels[None])[0][:, None]
    return (exponentials.to(weight.dtype).T @ weight) / total[:, None] - learned
