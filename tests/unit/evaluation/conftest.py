"""A tiny random BERT as BERTScore encoder, and made-up test sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.evaluation.evaluation_samples import WORDS, write_rows


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random BERT with 3 layers, width 32 and 48 positions."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789.,!?:-<>/()[]"]
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *WORDS,
        *letters,
        *(f"##{letter}" for letter in letters),
    ]
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(vocabulary)) + "\n", encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=48).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(set(vocabulary)),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=48,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def test_set(tmp_path: Path) -> Callable[..., Path]:
    """Write dataset/test.jsonl and predictions of systems; outputs={name: [texts]} in the order of the references."""

    def write(references: list[str], outputs: dict[str, list[str]], groups: list[str] | None = None) -> Path:
        groups = groups or [f"g{index}" for index in range(len(references))]
        rows = [
            {"id": f"q{index}", "prompt": f"How {index}?", "output": text, "meta": {"group": group}}
            for index, (text, group) in enumerate(zip(references, groups, strict=True))
        ]
        write_rows(tmp_path / "dataset" / "test.jsonl", rows)
        for name, texts in outputs.items():
            predictions = [
                {"id": f"q{index}", "prompt": f"How {index}?", "output": text, "finish_reason": "stop"}
                for index, text in enumerate(texts)
            ]
            write_rows(tmp_path / name / "predictions.jsonl", predictions)
        return tmp_path

    return write
