"""Causal attention without a mask, over padded rows or over rows joined to one sequence.

transformers' own way to PyTorch's attention makes a mask of [tokens, tokens] for joined rows, and asks the device in
each micro-step whether it needs one. Neither is needed here: padding stands after a row, where causal attention does
not look, and the collator says where joined rows end.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from toolkit.planning.training_shape import FLASH_WIDTH

ROWS_ATTENTION = "steptune_rows"
FLASH_CAPABILITY = 8


def rows_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None = None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int = 0,
    row_lengths: tuple[int, ...] = (),
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of a decoder layer, as transformers calls it. Without `cu_seq_lens_q` each line of the batch is a row.

    query: [lines, heads, tokens, width]; key, value: the same with perhaps fewer heads. cu_seq_lens_q: int32 [rows + 1]
    on the device, where each joined row begins and the last one ends; row_lengths: the same on the host. Returns
    [lines, tokens, heads, width].
    """
    window = sliding_window or 0
    if cu_seq_lens_q is None:
        attended = _causal(query, key, value, scaling, dropout, window)
    elif not dropout and _flash_takes(query):
        joined = [states[0].transpose(0, 1) for states in (query, key, value)]  # [tokens, heads, width]
        return varlen_attn(
            *joined,
            cu_seq_lens_q,
            cu_seq_lens_q,
            max_length_q,
            max_length_q,
            scale=scaling,
            window_size=(window - 1, 0),
            enable_gqa=query.shape[1] != key.shape[1],
        )[None], None
    else:
        rows = zip(*(states.split(row_lengths, dim=2) for states in (query, key, value)), strict=True)
        attended = torch.cat([_causal(q, k, v, scaling, dropout, window) for q, k, v in rows], dim=2)
    return attended.transpose(1, 2).contiguous(), None


AttentionInterface.register(ROWS_ATTENTION, rows_attention)


def _flash_takes(query: torch.Tensor) -> bool:
    """FlashAttention's limits: types, cards and widths of a head."""
    return (
        query.is_cuda
        and query.dtype in (torch.bfloat16, torch.float16)
        and query.shape[-1] <= FLASH_WIDTH
        and torch.cuda.get_device_capability(query.device)[0] >= FLASH_CAPABILITY
    )


def _causal(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None, dropout: float, window: int
) -> torch.Tensor:
    tokens = query.shape[2]
    band = None
    if 0 < window < tokens:
        place = torch.arange(tokens, device=query.device)
        behind = place[:, None] - place
        band = (behind >= 0) & (behind < window)
    groups = query.shape[1] // key.shape[1]
    if groups > 1 and not _shares_keys(query, band):
        key, value = (states.repeat_interleave(groups, dim=1) for states in (key, value))
        groups = 1
    return scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=band,
        dropout_p=dropout,
        is_causal=band is None,
        scale=scaling,
        enable_gqa=groups > 1,
    )


def _shares_keys(query: torch.Tensor, band: torch.Tensor | None) -> bool:
    """Whether a kernel takes fewer heads of keys than of queries. On every card that can, FlashAttention does, without
    a mask; where none does, PyTorch keeps the scores of all pairs of tokens.
    """
    return not query.is_cuda or (band is None and _flash_takes(query))
