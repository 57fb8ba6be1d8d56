"""Rows as batches: joined rows never see one another, and the compacted loss has the gradients of the plain one."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import MistralConfig, MistralForCausalLM

from toolkit.training.batches import BatchRows
from toolkit.training.labelled_head import SummedLoss, add_labelled_head, summed_loss_on_cuda
from toolkit.training.order import LengthGroupedOrder

ROWS = [
    {"input_ids": [1, 5, 6, 7, 8], "labels": [-100, -100, 6, 7, 8], "row": 0},
    {"input_ids": [1, 9, 4], "labels": [-100, -100, 4], "row": 1},
    {"input_ids": [1, 3, 3, 2], "labels": [-100, 3, 3, 2], "row": 2},
]


@pytest.fixture
def model() -> MistralForCausalLM:
    torch.manual_seed(0)
    shape = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
    }
    made = MistralForCausalLM(MistralConfig(vocab_size=12, **shape)).double()
    made.get_output_embeddings().weight.requires_grad_(False)
    return made


def plain(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: value.tolist() if torch.is_tensor(value) else value for name, value in batch.items()}


def test_padded_batch_in_full() -> None:
    assert plain(BatchRows(0)(ROWS[:2])) == {
        "input_ids": [[1, 5, 6, 7, 8], [1, 9, 4, 0, 0]],
        "labels": [[-100, -100, 6, 7, 8], [-100, -100, 4, -100, -100]],
        "labelled": [1, 2, 3, 6],
        "targets": [6, 7, 8, 4],
        "row": [0, 1],
    }


def test_joined_batch_in_full() -> None:
    assert plain(BatchRows(0, joined=True)(ROWS[:2])) == {
        "input_ids": [[1, 5, 6, 7, 8, 1, 9, 4]],
        "labels": [[-100, -100, 6, 7, 8, -100, -100, 4]],
        "position_ids": [[0, 1, 2, 3, 4, 0, 1, 2]],
        "cu_seq_lens_q": [0, 5, 8],
        "cu_seq_lens_k": [0, 5, 8],
        "max_length_q": 5,
        "max_length_k": 5,
        "row_lengths": (5, 3),
        "labelled": [1, 2, 3, 6],
        "targets": [6, 7, 8, 4],
        "row": [0, 1],
    }


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 8), st.integers(1, 4), st.integers(0, 5))
def test_order_takes_each_row_once_and_its_micro_batches_hold_neighbours_in_length(
    lengths: list[int], micro: int, steps: int, epoch: int
) -> None:
    order = LengthGroupedOrder(lengths, micro, micro * steps, seed=3)
    order.set_epoch(epoch)
    taken = list(order)
    assert sorted(taken) == list(range(len(lengths)))
    pool = micro * steps * 8
    for start in range(0, len(taken), pool):
        by_length = sorted((lengths[index] for index in taken[start : start + pool]), reverse=True)
        sets = {tuple(by_length[at : at + micro]) for at in range(0, len(by_length), micro)}
        members = taken[start : start + pool]
        assert all(
            tuple(sorted((lengths[i] for i in members[at : at + micro]), reverse=True)) in sets
            for at in range(0, len(members), micro)
        )


@given(st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=6))
def test_joined_rows_hold_every_token_once_with_its_position(texts: list[list[int]]) -> None:
    batch = BatchRows(0, joined=True)([{"input_ids": ids, "labels": ids, "row": 0} for ids in texts])
    assert batch["input_ids"].tolist() == [[token for ids in texts for token in ids]]
    assert batch["position_ids"].tolist() == [[position for ids in texts for position in range(len(ids))]]
    assert (batch["labels"] == -100).sum() == len(texts)  # the first token of each row


def gradients(model: MistralForCausalLM, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def summed_loss(model: MistralForCausalLM, batch: dict[str, Any]) -> torch.Tensor:
    return model(**{name: values for name, values in batch.items() if name not in ("labels", "row")})


def test_padded_joined_and_plain_loss_agree_in_value_and_gradient(model: MistralForCausalLM) -> None:
    padded, joined = BatchRows(0)(ROWS), BatchRows(0, joined=True)(ROWS)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]])
    # transformers' own, with its mask: the mean over 7 labelled tokens, all logits
    plain = model(padded["input_ids"], labels=padded["labels"], attention_mask=mask, use_cache=False).loss * 7
    expected, of_plain = plain.item(), gradients(model, plain)
    add_labelled_head(model)
    for batch in (padded, joined):
        summed = summed_loss(model, batch)
        assert summed.item() == pytest.approx(expected, rel=1e-5)
        for name, gradient in gradients(model, summed).items():
            assert torch.allclose(gradient, of_plain[name], atol=1e-5), name


def test_a_batch_without_labels_has_no_loss_and_a_gradient_of_zero(model: MistralForCausalLM) -> None:
    add_labelled_head(model)
    summed = summed_loss(model, BatchRows(0)([{**ROWS[0], "labels": [-100] * 5}]))
    assert summed.item() == 0
    assert all(not gradient.any() for gradient in gradients(model, summed).values())


@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("tokens", [0, 5, 300])
def test_trls_kernel_for_cards_computes_the_loss_and_gradient_of_ours(tokens: int, softcap: float | None) -> None:
    torch.manual_seed(0)
    weight, labels = torch.randn(50, 8), torch.randint(50, (tokens,))
    hidden = torch.randn(tokens, 8)
    found = []
    for score in (SummedLoss.apply, summed_loss_on_cuda):
        states = hidden.clone().requires_grad_()
        loss = score(states, weight, labels, softcap)
        (loss / 7).backward()
        found.append((loss.detach(), states.grad))
    assert torch.allclose(found[0][0], found[1][0], rtol=1e-5)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-5)
