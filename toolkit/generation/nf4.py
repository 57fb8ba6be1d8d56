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
    from bitsandbytes import functional

    source = (weight.T if transposed else weight).contiguous().to(device_kind())
    packed, state = functional.quantize_4bit(
        source, blocksize=BLOCK_SIZE, compress_statistics=DOUBLE_QUANTISATION, quant_type="nf4"
    )
    rounded = functional.dequantize_4bit(packed, state).to("cpu")
    return rounded.T if transposed else rounded
