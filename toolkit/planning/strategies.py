"""Which way of sharing a training out goes with which weights and optimiser, why not where it does not, and what works
instead.

Pure rules, asked by preflight before anything starts and by the training itself. `docs/sft.md` shows them as a table,
which a test compares with this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Strategy = Literal["single", "ddp", "zero1", "zero2", "zero3", "fsdp"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
QUANTIZATIONS = ("nf4", "8bit", "none")
TITLES = {
    "single": "one process",
    "ddp": "DDP",
    "zero1": "ZeRO-1",
    "zero2": "ZeRO-2",
    "zero3": "ZeRO-3",
    "fsdp": "FSDP",
}
SHARDED = frozenset({"zero3", "fsdp"})


@dataclass(frozen=True)
class Refusal:
    """Why a combination does not work, and the nearest one that does, as options to give."""

    reason: str
    instead: str

    def __str__(self) -> str:
        return f"{self.reason}; use {self.instead}."


def refusal(strategy: Strategy, quantization: str, optim: str, on_cpu: bool, use_dora: bool = False) -> Refusal | None:
    """Why this combination cannot train, None where it can."""
    title, paged = TITLES[strategy], optim.startswith("paged_")
    if on_cpu and paged:
        return Refusal(
            f"optim={optim} moves its state between a CUDA card and the host, and there is no CUDA card",
            "optim=adamw_torch",
        )
    if strategy in SHARDED and quantization == "8bit":
        reason = (
            f"{title} splits each weight over the processes, and the 8-bit weights of bitsandbytes carry their scales"
            " outside of the tensor"
        )
        return Refusal(reason, "quantization=nf4, or --on deepspeed_zero2")
    if strategy in SHARDED and paged:
        return Refusal(
            f"optim={optim} keeps state in memory of its own, which {title} can neither split nor save",
            "optim=adamw_torch",
        )
    if strategy in SHARDED and use_dora:
        return Refusal(
            f"DoRA needs the norm of whole weights at every step, and {title} holds a share of each",
            "use_dora=false, or --on multi_gpu",
        )
    return None


def table() -> str:
    """The rules as a Markdown table: one row a strategy and quantisation; what a cell refuses has exit code 3."""
    rows = ["| strategy | weights | on GPUs | paged optimisers | on CPU |", "|---|---|---|---|---|"]
    for strategy in STRATEGIES:
        for quantization in QUANTIZATIONS:
            plain = refusal(strategy, quantization, "adamw_torch", on_cpu=False)
            cells = (
                plain,
                plain or refusal(strategy, quantization, "paged_adamw_8bit", on_cpu=False),
                refusal(strategy, quantization, "adamw_torch", on_cpu=True),
            )
            rows.append(
                f"| {TITLES[strategy]} | {quantization} |"
                f" {' | '.join('yes' if cell is None else f'no: {cell.instead}' for cell in cells)} |"
            )
    return "\n".join(rows)
