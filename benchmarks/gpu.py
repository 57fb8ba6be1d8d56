"""QLoRA of a model of Mistral-7B's shape (random weights, no download) on one NVIDIA GPU, under the memory of a 16 GB
card.

    make bench-gpu

Writes 14.5 GB of random weights to a temporary folder. Without a CUDA card it says so and exits 0.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from benchmarks.mistral_shape import MISTRAL_7B, write_random_model
from benchmarks.report import finish, skip
from benchmarks.train import Side, make_side, random_rows
from toolkit.options.training import SftOptions
from toolkit.planning.model_configs import SHIPPED
from toolkit.planning.training_memory import GIB, TrainingShape, estimate_memory, read_shape

SHAPE = SHIPPED[MISTRAL_7B]
CAP_GIB = 16.0
TOKENS = 4096
STEPS = 3


def main() -> int:
    if not torch.cuda.is_available():
        return skip("gpu", "there is no CUDA card here")
    card = torch.cuda.get_device_name()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, CAP_GIB * GIB / total))
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        model = write_random_model(Path(scratch) / "model", SHAPE)
        peak_gib, longest = memory(model)
        speeds = speed(model)
    shape = read_shape(SHAPE)
    assert shape is not None
    options = SftOptions(
        lora_r=64,
        lora_dropout=0.0,
        optim="adamw_torch",
        per_device_train_batch_size=1,
        max_length=TOKENS,
        gradient_checkpointing=True,
    )
    training = TrainingShape(options, 2, labelled=round(TOKENS * 0.6))
    estimated_gib = estimate_memory(shape, training).tensors / GIB
    values = {
        "peak reserved memory, 4096 tokens, r 64, 16 GB cap (GiB)": round(peak_gib, 2),
        "tokens/s against stock TRL (times)": round(speeds["steptune"] / speeds["stock TRL"], 3),
        "tokens/s against tuned TRL (times)": round(speeds["steptune"] / speeds["tuned TRL"], 3),
        "memory estimate against peak reserved memory (relative)": round(abs(estimated_gib / peak_gib - 1), 3),
    }
    first, second, *_ = values
    return finish(
        "gpu",
        values,
        {
            first: {"card": card, "longest context (tokens)": longest, "estimated GiB": round(estimated_gib, 2)},
            second: speeds,
        },
    )


def rows_of(tokens: int, count: int = 1) -> list[dict[str, Any]]:
    """Rows with 60 % of their tokens labelled, within the vocabulary of the shape."""
    rows = random_rows(0.6, (tokens,) * count)
    return [
        {**row, "input_ids": [1 + token % 31_000 for token in row["input_ids"]], "labels": _folded(row["labels"])}
        for row in rows
    ]


def _folded(labels: list[int]) -> list[int]:
    return [label if label < 0 else 1 + label % 31_000 for label in labels]


def memory(model: Path) -> tuple[float, int]:
    """Peak reserved GiB at 4,096 tokens with r 64, and the longest context that fits under the cap (to 512 tokens)."""
    side = make_side(True, True, r=64, model=str(model))
    torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        side.step(rows_of(TOKENS), update=True)
    peak_gib = torch.cuda.max_memory_reserved() / GIB
    fits, too_long = TOKENS, 2 * TOKENS
    while _fits(side, too_long) and too_long < 131_072:
        fits, too_long = too_long, 2 * too_long
    while too_long - fits > 512:
        middle = (fits + too_long) // 2
        fits, too_long = (middle, too_long) if _fits(side, middle) else (fits, middle)
    del side
    _release()
    return peak_gib, fits


def _fits(side: Side, tokens: int) -> bool:
    try:
        side.step(rows_of(tokens), update=True)
    except torch.OutOfMemoryError:
        side.optimizer.zero_grad()
        return False
    finally:
        _release()
    return True


def speed(model: Path) -> dict[str, float]:
    """Tokens a second without padding, medians: steptune, TRL with its defaults, and TRL with steptune's batch. 8 rows
    of 512 tokens, or 1 at a time.
    """
    rows = rows_of(512, count=8)
    speeds: dict[str, list[float]] = {"steptune": [], "stock TRL": [], "tuned TRL": []}
    # Two 7B models do not fit under the cap: the sides take turns in whole trials.
    for _ in range(2):
        for name, ours, checkpointing, joined in (
            ("steptune", True, True, True),
            ("stock TRL", False, True, False),
            ("tuned TRL", False, True, False),
        ):
            side = make_side(ours, checkpointing, joined=joined, model=str(model))
            batches = [rows] if name != "stock TRL" else [rows[start : start + 1] for start in range(8)]
            for step in range(STEPS + 1):
                seconds = sum(side.step(batch, update=True)[0] for batch in batches)
                if step:
                    speeds[name].append(8 * 512 / seconds)
            del side
            _release()
    return {name: round(statistics.median(taken), 1) for name, taken in speeds.items()}


def _release() -> None:
    gc.collect()
    torch.cuda.empty_cache()


if __name__ == "__main__":
    sys.exit(main())
