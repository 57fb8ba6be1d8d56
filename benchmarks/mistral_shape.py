"""A model folder of Mistral-7B's shape with seeded random weights, for benchmarks without a download."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MISTRAL_7B = "mistralai/Mistral-7B-Instruct-v0.2"
LAYERS_A_SHARD = 4  # shards of 1.7 GB at 7B's widths


def write_random_model(folder: Path, shape: dict[str, Any], device: str = "cpu") -> Path:
    """A folder as the hub has it: bf16 shards with their index, and the tokenizer of Mistral-7B-Instruct-v0.1 and v0.2.

    The tokenizer comes from mistral_common. One shard at a time is in memory; `device` draws it.
    """
    import mistral_common
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaTokenizer, MistralConfig, MistralForCausalLM

    folder.mkdir(parents=True)
    config = MistralConfig(
        **{name: value for name, value in shape.items() if name != "model_type"},
        dtype="bfloat16",
        architectures=["MistralForCausalLM"],
    )
    config.save_pretrained(folder)
    with torch.device("meta"):
        weights = MistralForCausalLM(config).state_dict()
    generator = torch.Generator(device).manual_seed(0)
    index: dict[str, str] = {}
    size = 0
    groups = [(key, list(names)) for key, names in groupby(weights, _shard_of)]
    for number, (_, names) in enumerate(groups, start=1):
        file = f"model-{number:05}-of-{len(groups):05}.safetensors"
        tensors = dict(_drawn(names, weights, generator))
        save_file(tensors, folder / file, metadata={"format": "pt"})
        index |= dict.fromkeys(names, file)
        size += sum(tensor.numel() * 2 for tensor in tensors.values())
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": size}, "weight_map": index}), encoding="utf-8"
    )
    shutil.copyfile(Path(mistral_common.__file__).parent / "data" / "tokenizer.model.v1", folder / "tokenizer.model")
    LlamaTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


def _shard_of(name: str) -> str:
    return str(int(name.split(".")[2]) // LAYERS_A_SHARD) if ".layers." in name else name.split(".")[-2]


def _drawn(
    names: list[str], weights: dict[str, torch.Tensor], generator: torch.Generator
) -> Iterator[tuple[str, torch.Tensor]]:
    import torch

    for name in names:
        empty = torch.empty(weights[name].shape, dtype=torch.bfloat16, device=generator.device)
        yield name, (empty.fill_(1.0) if "norm" in name else empty.normal_(std=0.02, generator=generator)).cpu()
