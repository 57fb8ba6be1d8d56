"""Attention without a mask gives the losses and gradients of transformers' own with masks, padded and joined."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, MistralConfig, MistralForCausalLM, PreTrainedModel

from toolkit.planning.training_shape import PLAIN
from toolkit.training import attention
from toolkit.training.attention import ROWS_ATTENTION
from toolkit.training.batches import BatchRows
from toolkit.training.labelled_head import add_labelled_head

ROWS = [
    {"input_ids": [1, 5, 6, 7, 8, 3, 4], "labels": [-100, -100, 6, 7, 8, 3, 4], "row": 0},
    {"input_ids": [1, 9, 4], "labels": [-100, -100, 4], "row": 1},
    {"input_ids": [1, 3, 3, 2], "labels": [-100, 3, 3, 2], "row": 2},
]
SHAPE = {
    "vocab_size": 12,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}


def make(kind: str) -> PreTrainedModel:
    torch.manual_seed(0)
    made: PreTrainedModel
    if kind == "gemma3":  # a layer with a window, and one without
        layers = ["sliding_attention", "full_attention"]
        made = Gemma3ForCausalLM(Gemma3TextConfig(**SHAPE, sliding_window=3, layer_types=layers))
    else:
        made = MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=4 if kind == "window" else None))
    made = made.double()
    made.get_output_embeddings().weight.requires_grad_(False)
    return made


def results(model: PreTrainedModel, *batches: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The summed loss, and the gradient of every trained weight."""
    model.zero_grad()
    total = torch.zeros(())
    for batch in batches:
        loss = model(**{name: value for name, value in batch.items() if name not in ("labels", "row")})
        loss.backward()
        total += loss.detach()
    return {"loss": total, **{name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}}


def by_transformers(kind: str) -> dict[str, torch.Tensor]:
    """With transformers' eager attention and its masks, each row alone: padding beyond a window is NaN there."""
    model = make(kind)
    model.set_attn_implementation("eager")
    add_labelled_head(model)
    return results(model, *(BatchRows(0)([row]) for row in ROWS))


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("kind", ["plain", "window", "gemma3"])
def test_losses_and_gradients_are_those_of_attention_with_a_mask(kind: str, joined: bool) -> None:
    model = make(kind)
    model.set_attn_implementation(ROWS_ATTENTION)
    add_labelled_head(model)
    ours, theirs = results(model, BatchRows(0, joined)(ROWS)), by_transformers(kind)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert torch.allclose(ours[name].double(), value.double(), atol=2e-6), name


@pytest.mark.parametrize("kind", ["plain", "window", "gemma3"])
def test_the_kernel_for_rows_of_different_lengths_gets_them_as_it_wants_them(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's kernel is CUDA's alone: a stand-in of the same signature computes with what it is given."""
    windows = []

    def varlen(query, key, value, cu_q, cu_k, max_q, max_k, *, scale, window_size, enable_gqa):
        assert query.shape == (14, 4, 8)
        assert (key.shape, value.shape) == ((14, 2, 8), (14, 2, 8))
        assert (cu_q.tolist(), cu_q.dtype, max_q, max_k, enable_gqa) == ([0, 7, 10, 14], torch.int32, 7, 7, True)
        assert cu_k is cu_q
        windows.append(window_size)
        lengths = cu_q.diff().tolist()
        rows = zip(*(states.transpose(0, 1)[None].split(lengths, 2) for states in (query, key, value)), strict=True)
        window = window_size[0] + 1
        return torch.cat([attention._causal(*row, scale, 0.0, window)[0].transpose(0, 1) for row in rows])

    monkeypatch.setattr(attention, "varlen_attn", varlen)
    monkeypatch.setattr(attention, "_flash_takes", lambda _query: True)
    model = make(kind)
    model.set_attn_implementation(ROWS_ATTENTION)
    add_labelled_head(model)
    ours, theirs = results(model, BatchRows(0, True)(ROWS)), by_transformers(kind)
    for name, value in theirs.items():
        assert torch.allclose(ours[name].double(), value.double(), atol=2e-6), name
    assert windows == {"plain": [(-1, 0)] * 2, "window": [(3, 0)] * 2, "gemma3": [(2, 0), (-1, 0)]}[kind]


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("kind", ["plain", "window", "gemma3"])
def test_where_no_kernel_shares_keys_each_query_head_gets_its_own(
    kind: str, joined: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card before Ampere, or a window: with shared keys PyTorch would keep the scores of all pairs of tokens."""
    attend = attention.scaled_dot_product_attention

    def of_a_card(query, key, value, *, enable_gqa, **options):
        assert not enable_gqa
        assert query.shape == key.shape == value.shape
        return attend(query, key, value, **options)

    monkeypatch.setattr(attention, "scaled_dot_product_attention", of_a_card)
    monkeypatch.setattr(attention, "_shares_keys", lambda _query, _band: False)
    model = make(kind)
    model.set_attn_implementation(ROWS_ATTENTION)
    add_labelled_head(model)
    ours, theirs = results(model, BatchRows(0, joined)(ROWS)), by_transformers(kind)
    for name, value in theirs.items():
        assert torch.allclose(ours[name].double(), value.double(), atol=2e-6), name


def test_no_mask_is_made_and_the_positions_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at a mask or at positions would wait for the card."""
    from transformers import masking_utils

    for name in ("find_packed_sequence_indices", "sdpa_mask", "fast_all"):
        monkeypatch.setattr(masking_utils, name, lambda *_, **__: pytest.fail("a mask was looked at"))
    model = make("plain")
    model.set_attn_implementation(ROWS_ATTENTION)
    add_labelled_head(model)
    for joined in (False, True):
        results(model, BatchRows(0, joined)(ROWS))


def test_models_with_capped_scores_or_of_unknown_kinds_keep_their_mask() -> None:
    assert {"mistral", "llama", "gemma3_text", "qwen3"} < PLAIN
    assert not {"gemma2", "gpt_oss"} & PLAIN
