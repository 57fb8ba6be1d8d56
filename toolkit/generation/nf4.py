"""Which layers NF4 training rounds, and what rounding does to them.

The settings are QLoRA's (Dettmers et al., 2023) as sft uses them: blocks of 64, statistics quantised as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.device import device_kind

if TYPE_CHECKING:
    import torch

BLOCK_SIZE = 64
DOUBLE_QUANTISATION = True
STATISTICS_BLOCK_SIZE = 256
# On a CPU the quantiser holds 14 bytes an element beside the matrix: it gets rows of about this many elements at a
# time. Fewer would cost time.
PIECE_ELEMENTS = 1 << 22


def quantised_layers(model_dir: Path, trust_remote_code: bool = False) -> dict[str, bool]:
    """Weights that transformers' bitsandbytes integration quantises: name -> whether it transposes them first (Conv1D).

    Asks transformers itself on a model without memory (meta device): all linear layers but the output head, tied
    weights and what the architecture keeps in full precision.
    """
    import torch
    from torch import nn
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.pytorch_utils import Conv1D
    from transformers.quantizers.base import HfQuantizer
    from transformers.quantizers.quantizers_utils import should_convert_module

    config = AutoConfig.from_pretrained(model_dir, trust_remote_code=trust_remote_code)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    kept = HfQuantizer.get_modules_to_not_convert(model, None, model._keep_in_fp32_modules)
    return {
        f"{name}.weight": isinstance(module, Conv1D)
        for name, module in model.named_modules()
        if (type(module) is nn.Linear or isinstance(module, Conv1D)) and should_convert_module(name, kept)
    }


def round_trip(weight: torch.Tensor, transposed: bool = False) -> torch.Tensor:
    """The weight as training saw it: quantised to NF4 and back, in its own dtype, on the GPU where there is one."""
    import torch
    from bitsandbytes import functional

    source = (weight.T if transposed else weight).contiguous().to(device_kind())
    whole_blocks = PIECE_ELEMENTS // source.shape[1] // BLOCK_SIZE * BLOCK_SIZE
    rows = max(BLOCK_SIZE, whole_blocks)
    pieces = [functional.quantize_4bit(piece, blocksize=BLOCK_SIZE, quant_type="nf4") for piece in source.split(rows)]
    statistics = _quantised_twice(torch.cat([state.absmax for _, state in pieces]))
    rounded = torch.empty_like(source, device="cpu")
    of_pieces = statistics.split(rows * source.shape[1] // BLOCK_SIZE)
    for (packed, state), absmax, place in zip(pieces, of_pieces, rounded.split(rows), strict=True):
        state.absmax = absmax
        place.copy_(functional.dequantize_4bit(packed, state))
    return rounded.T if transposed else rounded


def _quantised_twice(absmax: torch.Tensor) -> torch.Tensor:
    """A whole matrix's statistics as double quantisation keeps them: their mean, and in 8 bits what differs from it
    (`compress_statistics` of bitsandbytes).
    """
    from bitsandbytes import functional

    mean = absmax.mean()
    kept, state = functional.quantize_blockwise(absmax - mean, blocksize=STATISTICS_BLOCK_SIZE)
    return functional.dequantize_blockwise(kept, state) + mean
