"""Serving an unmerged adapter through vLLM's LoRA: what vLLM accepts, and at which rank its buffers are made."""

from __future__ import annotations

from toolkit.errors import ModelError
from toolkit.generation.adapter import Adapter
from toolkit.planning.generation_memory import RANKS


def required_rank(adapter: Adapter) -> int:
    """The adapter's largest rank, rounded up to one that vLLM makes buffers for.

    Raises:
        ModelError: vLLM does not serve this adapter unmerged: DoRA, modules saved whole, embeddings or head, or a rank
            above 512.
    """
    if reason := unservable(adapter):
        raise ModelError(
            f"adapter: {adapter.folder} has {reason}, which vLLM does not serve unmerged; set"
            " generator.quantization=none and generator.unmerged=false, or generator.backend=transformers."
        )
    return next(allowed for allowed in RANKS if allowed >= largest_rank(adapter))


def largest_rank(adapter: Adapter) -> int:
    return max([int(adapter.config["r"]), *map(int, (adapter.config.get("rank_pattern") or {}).values())])


def unservable(adapter: Adapter) -> str | None:
    """What the adapter has that vLLM does not serve unmerged; None if it serves it."""
    at_the_ends = sorted(
        name for name, update in adapter.updates.items() if update.embedding or name == "lm_head.weight"
    )
    reasons = [
        *(["DoRA"] if adapter.config.get("use_dora") else []),
        *(["modules saved whole"] if adapter.replacements else []),
        *([f"an adapter on {', '.join(at_the_ends)}"] if at_the_ends else []),
        *([f"rank {largest_rank(adapter)} (at most {RANKS[-1]})"] if largest_rank(adapter) > RANKS[-1] else []),
    ]
    return " and ".join(reasons) or None
