"""NF4 in vLLM as a card computes it, with tensors that have shapes and no memory: bitsandbytes takes what the plugin
hands it, for every matrix of Mistral-7B.
"""

from __future__ import annotations

from itertools import accumulate

import bitsandbytes
import pytest
import torch
from bitsandbytes import functional
from bitsandbytes.functional import QuantState
from torch._subclasses.fake_tensor import FakeTensorMode

from toolkit.generation.nf4 import BLOCK_SIZE
from toolkit.planning.generation_memory import read_served, weight_bytes
from toolkit.planning.model_configs import SHIPPED

MATRICES = {
    "qkv_proj": ((4096, 1024, 1024), 4096),
    "o_proj": ((4096,), 4096),
    "gate_up_proj": ((14336, 14336), 4096),
    "down_proj": ((4096,), 14336),
}
LAYERS = 32


@pytest.mark.parametrize("tokens", [1, 7])  # one token goes through a kernel of its own
@pytest.mark.parametrize("matrix", MATRICES)
def test_bitsandbytes_multiplies_on_a_card_what_training_quantised(matrix: str, tokens: int) -> None:
    outputs, inputs = MATRICES[matrix]
    with FakeTensorMode():
        packed, state = _quantised(outputs[0], inputs, "cuda")
        out = bitsandbytes.matmul_4bit(_hidden(tokens, inputs, "cuda"), packed.t(), state)
    assert (out.device.type, out.dtype, out.shape) == ("cuda", torch.bfloat16, (tokens, outputs[0]))


@pytest.mark.slow
def test_the_plugin_hands_each_part_of_a_joined_matrix_to_bitsandbytes() -> None:
    """On the meta device: writing into a part of a tensor asks torch for a card, even of a tensor without memory."""
    linear = pytest.importorskip("vllm_bnb_plugin.quantization.linear")
    for outputs, inputs in MATRICES.values():
        for tokens in (1, 7):
            parts = [_quantised(size, inputs, "meta") for size in outputs]
            weight = torch.cat([packed for packed, _ in parts])
            weight.bnb_quant_state = {at: state for at, (_, state) in enumerate(parts)}  # type: ignore[attr-defined]
            offsets = [0, *accumulate(packed.shape[0] for packed, _ in parts)]
            out = torch.empty(tokens, sum(outputs), dtype=torch.bfloat16, device="meta")
            linear._apply_bnb_4bit(_hidden(tokens, inputs, "meta"), weight, offsets, out)
            assert weight.shape == (sum(outputs) * inputs // 2, 1)


def _quantised(outputs: int, inputs: int, device: str) -> tuple[torch.Tensor, QuantState]:
    matrix = torch.empty(outputs, inputs, dtype=torch.bfloat16, device=device)
    return functional.quantize_4bit(matrix, blocksize=BLOCK_SIZE, quant_type="nf4")


def _hidden(tokens: int, inputs: int, device: str) -> torch.Tensor:
    return torch.empty(tokens, inputs, dtype=torch.bfloat16, device=device)


def test_the_estimate_counts_the_bytes_of_these_matrices() -> None:
    served = read_served(SHIPPED["mistralai/Mistral-7B-Instruct-v0.2"])
    assert served is not None
    elements = LAYERS * sum(sum(outputs) * inputs for outputs, inputs in MATRICES.values())
    assert served.linear == elements
    scales = elements // BLOCK_SIZE * 4  # as floats: the loader undoes the second quantisation
    embeddings = 2 * 32_000 * 4096 * 2
    assert weight_bytes(served, "nf4", "bfloat16") == pytest.approx(elements / 2 + scales + embeddings, rel=0.001)
