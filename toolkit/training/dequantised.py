"""NF4 matrices of a small model, dequantised once instead of twice a step.

The base is frozen, so that a matrix has the same values in every forward and backward pass. On a GPU dequantising costs
little and memory is short; on a CPU it was 15 % of a step of the demo, and a small model's copies fit easily. The
function that is trained stays the same: the copies hold the values of the NF4 weights, not those of the original ones.
"""

from __future__ import annotations

import types
from collections.abc import Callable

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from transformers import PreTrainedModel

from toolkit.planning.training_memory import keeps_dequantised
from toolkit.training.hardware import Hardware


def keep_dequantised(model: PreTrainedModel, quantization: str, hardware: Hardware) -> None:
    """Let the model's NF4 layers compute with copies of their weights in the compute precision, where memory allows."""
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    copies = sum(layer.in_features * layer.out_features for layer in layers) * hardware.compute_dtype.itemsize
    if not keeps_dequantised(copies, quantization, hardware.device, hardware.sharded):
        return
    for layer in layers:
        weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(hardware.compute_dtype)
        layer.forward = types.MethodType(_linear(weight.reshape(layer.out_features, layer.in_features)), layer)


def _linear(weight: torch.Tensor) -> Callable[[Linear4bit, torch.Tensor], torch.Tensor]:
    def forward(self: Linear4bit, states: torch.Tensor) -> torch.Tensor:
        bias = None if self.bias is None else self.bias.to(weight.dtype)
        return torch.nn.functional.linear(states.to(weight.dtype), weight, bias).to(states.dtype)

    return forward
