"""Tiny random models and adapters, made once per session; nothing here touches the network or the user's cache."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPTUNE_CACHE", str(tmp_path / "cache"))


def make_base(folder: Path, tied: bool = False, dtype: str = "float32", shard: str = "50GB", seed: int = 0) -> Path:
    """A random Llama of 2 layers, hidden 64, vocabulary 130, with the tokenizer of `make_tokenizer`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,  # heads of 32: the least that vLLM's CPU attention has
        num_key_value_heads=1,
        vocab_size=130,
        max_position_embeddings=96,
        tie_word_embeddings=tied,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = LlamaForCausalLM(config).to(getattr(torch, dtype))
    model.save_pretrained(folder, max_shard_size=shard)
    make_tokenizer(folder)
    return folder


def make_tokenizer(folder: Path) -> None:
    """One token per ASCII character, behind <unk>, <s>, </s>; texts begin with <s>."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: index for index, token in enumerate(["<unk>", "<s>", "</s>", *map(chr, range(1, 127))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)


def make_adapter(folder: Path, base: Path, training: dict[str, Any] | None = None, **options: Any) -> Path:
    """A LoRA adapter for `base` with all matrices random (PEFT starts B at zero, which would hide every mistake)."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **options}
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), LoraConfig(**settings))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    if training is not None:
        (folder / "training.json").write_text(json.dumps(training))
    return folder


def peft_merge(base: Path, adapter: Path, dtype: str = "float32") -> dict[str, Any]:
    """State dict of PEFT's own load, merge and unload."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype))
    return dict(PeftModel.from_pretrained(model, adapter).merge_and_unload().state_dict())


def load_weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {name: tensor for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}
