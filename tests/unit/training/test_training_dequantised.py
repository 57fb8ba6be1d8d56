"""Copies of NF4 matrices on a CPU: the same loss and gradients as without them, and only where they are small."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import get_peft_model

from toolkit.options.training import BaseModelOptions, LoraOptions
from toolkit.planning import training_memory
from toolkit.planning.training_memory import keeps_dequantised
from toolkit.planning.training_shape import GIB
from toolkit.training.base_model import load_base_model, lora_config
from toolkit.training.hardware import Hardware

CPU = Hardware("cpu", torch.float32, sharded=False)


def loss_and_gradients(model_dir: Path) -> tuple[float, list[torch.Tensor]]:
    torch.manual_seed(0)
    base = load_base_model(BaseModelOptions(model=str(model_dir), quantization="nf4"), CPU)
    model = get_peft_model(base, lora_config(LoraOptions(lora_r=4, lora_dropout=0.0)))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    ids = torch.arange(3, 15).reshape(2, 6)
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    return loss.item(), [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def test_the_trained_function_is_the_same(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_copies = loss_and_gradients(tiny_model)
    monkeypatch.setattr(training_memory, "CPU_COPIES_BYTES", 0)
    without = loss_and_gradients(tiny_model)
    assert with_copies[0] == pytest.approx(without[0], abs=1e-6)
    assert len(with_copies[1]) == len(without[1]) > 0
    for copied, plain in zip(with_copies[1], without[1], strict=True):
        torch.testing.assert_close(copied, plain, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("copies", "quantization", "device", "sharded", "kept"),
    [
        (GIB, "nf4", "cpu", False, True),
        (3 * GIB, "nf4", "cpu", False, False),  # a 7B model: 28 GB in fp32
        (GIB, "8bit", "cpu", False, False),
        (GIB, "nf4", "cuda", False, False),
        (GIB, "nf4", "cpu", True, False),
    ],
)
def test_copies_are_kept_where_they_are_small_and_save_time(
    copies: int, quantization: str, device: str, sharded: bool, kept: bool
) -> None:
    assert keeps_dequantised(copies, quantization, device, sharded) is kept
