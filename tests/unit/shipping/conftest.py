"""A tiny model with a real tokenizer, tuned by chance: what an export needs, in seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.generation.conftest import make_adapter
from toolkit.embedded import PREFIX, SMOLLM2
from toolkit.models import fingerprint_model, resolve_model
from toolkit.records import write_jsonl

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "prompt_format.json")


def make_small_smollm2(folder: Path) -> Path:
    """2 layers of SmolLM2's form over its own tokenizer, with random weights in bfloat16."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    source = Path(resolve_model(PREFIX + SMOLLM2.name))
    torch.manual_seed(4)
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=49152,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    for name in TOKENIZER:
        shutil.copyfile(source / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an adapter, beside its base and its rows."""
    root = tmp_path_factory.mktemp("ship")
    base = make_small_smollm2(root / "base")
    rows = [{"prompt": f"How do I reset box {n}?", "output": f"1. Open box {n}.\n2. Press reset."} for n in range(3)]
    write_jsonl(root / "rows.jsonl", rows)
    training = {
        "base_model": str(base),
        "base_fingerprint": fingerprint_model(str(base)),
        "dataset_hash": "d" * 64,
        "quantization": "none",
        "counts": {"train": {"rows": 3}},
    }
    return make_adapter(root / "adapter", base, training)
