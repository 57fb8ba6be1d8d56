"""RMSNorm, rotary positions and the gated MLP of a model in one kernel each (liger-kernel, Triton), on cards.

They compute the same function with fewer passes over memory, and keep less of it for the backward pass. The loss is not
among them: the labelled head (toolkit.training.labelled_head) already scores the labelled tokens alone.
"""

from __future__ import annotations

import importlib.util

from transformers import PreTrainedModel
from transformers.integrations.liger import apply_liger_kernel

from toolkit.planning.training_shape import FAMILIES
from toolkit.training.hardware import Hardware

KERNELS = {
    "rms_norm": True,
    "rope": True,
    "swiglu": True,
    "geglu": True,
    "cross_entropy": False,
    "fused_linear_cross_entropy": False,
}


def fuse_kernels(model: PreTrainedModel, hardware: Hardware) -> bool:
    """Let the model's layers compute with fused kernels; whether there were any for it."""
    if hardware.on_cpu or not has_kernels(model):
        return False
    apply_liger_kernel(model, KERNELS)
    return True


def has_kernels(model: PreTrainedModel) -> bool:
    """Whether liger-kernel is installed and knows the model, which is of a family that was looked at."""
    family = model.config.model_type
    if family not in FAMILIES or importlib.util.find_spec("liger_kernel") is None:
        return False
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN  # imports Triton

    return family in MODEL_TYPE_TO_APPLY_LIGER_FN
