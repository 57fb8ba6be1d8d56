"""A Llama of two layers, random weights and SmolLM2's tokenizer, for tests of whole recipes; vLLM on a CPU takes it."""

from __future__ import annotations

from pathlib import Path


def make_tiny_model(folder: Path) -> None:
    """Save it with its tokenizer, whose chat template it has."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from toolkit.models import resolve_model

    tokenizer = AutoTokenizer.from_pretrained(resolve_model("embedded:smollm2-135m-instruct"))
    shape = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    }
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **shape)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
