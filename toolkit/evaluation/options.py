"""How the metrics are computed; whatever changes a number is part of its signature."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MetricOptions:
    """Settings of the metrics. `cache` keeps embeddings between runs (None: for this run only) and changes no number."""

    bertscore_model: str
    bertscore_layer: int | None = None
    bertscore_batch_size: int = 32
    bertscore_idf: bool = False
    bertscore_rescale: bool = False
    bertscore_language: str = "en"
    bertscore_backend: str = "own"
    rouge_tokenizer: str = "ascii"
    rouge_backend: str = "own"
    markers: str = "strip"
    step_threshold: float | None = None
    sensitivity_items: int = 50
    min_steps: int = 2
    max_steps: int = 15
    seed: int = 17
    cache: Path | None = None
    idf_references: tuple[str, ...] = ()
