"""Serving an unmerged adapter through vLLM's LoRA: what vLLM accepts, and at which rank its buffers are made."""

from __future__ import annotations

from toolkit.errors import ModelError
from toolkit.generation.adapter import Adapter

# vllm.config.lora.MaxLoRARanks of vLLM 0.32 and 0.33.
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


def required_rank(adapter: Adapter) -> int:
    """The adapter's largest rank, rounded up to one that vLLM makes buffers for.

    Raises:
        ModelError: vLLM does not serve this adapter unmerged: DoRA, modules saved whole, embeddings or head, or a rank
            above 512.
    """
    _require_servable(adapter)
    rank = max([int(adapter.config["r"]), *map(int, (adapter.config.get("rank_pattern") or {}).values())])
    fitting = next((allowed for allowed in RANKS if allowed >= rank), None)
    if fitting is None:
        raise ModelError(
            f"adapter: {adapter.folder} has rank {rank}, and vLLM serves at most {RANKS[-1]} unmerged; set"
            " generator.unmerged=false."
        )
    return fitting


def _require_servable(adapter: Adapter) -> None:
    at_the_ends = sorted(
        name for name, update in adapter.updates.items() if update.embedding or name == "lm_head.weight"
    )
    reasons = [
        *(["DoRA"] if adapter.config.get("use_dora") else []),
        *(["modules saved whole"] if adapter.replacements else []),
        *([f"an adapter on {', '.join(at_the_ends)}"] if at_the_ends else []),
    ]
    if reasons:
        raise ModelError(
            f"adapter: {adapter.folder} has {' and '.join(reasons)}, which vLLM does not serve unmerged; set"
            " generator.unmerged=false."
        )
