"""A tiny random Mistral with the real v1 tokenizer of mistral-common, so that no test needs the network."""

import shutil
from pathlib import Path

import pytest

from toolkit.records import write_jsonl

QUESTIONS = [
    "How do I reset my PIN?",
    "how can i block a caller",
    "How do I pair my earbuds?",
    "Where do I change my address?",
    "how to cancel an order",
]
STEPS = [
    "1. Open the app.\n2. Tap Reset.",
    "1. Open Recents.\n2. Tap the number.\n3. Tap Block.",
    "1. Hold the button for five seconds.\n2. Choose the earbuds.",
]


@pytest.fixture(scope="session")
def mistral_tokenizer(tmp_path_factory: pytest.TempPathFactory):
    import mistral_common
    from transformers import LlamaTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    shutil.copyfile(Path(mistral_common.__file__).parent / "data" / "tokenizer.model.v1", folder / "tokenizer.model")
    return LlamaTokenizer.from_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, mistral_tokenizer) -> Path:
    """Folder of a random Mistral of 2 layers, 64 wide, that looks like a downloaded model."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny-mistral"
    torch.manual_seed(3)
    config = MistralConfig(
        vocab_size=len(mistral_tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
    )
    MistralForCausalLM(config).save_pretrained(folder)
    mistral_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A data set folder with 24 training, 6 validation and 3 test rows."""
    return _write_dataset(tmp_path / "dataset")


@pytest.fixture(scope="session")
def shared_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows, for tests that only read them."""
    return _write_dataset(tmp_path_factory.mktemp("shared") / "dataset")


def _write_dataset(folder: Path) -> Path:
    for split, count in (("train", 24), ("validation", 6), ("test", 3)):
        rows = [
            {"id": f"{split}-{n}", "prompt": f"{QUESTIONS[n % 5]} ({split} {n})", "output": STEPS[n % 3]}
            for n in range(count)
        ]
        write_jsonl(folder / f"{split}.jsonl", rows)
    return folder
