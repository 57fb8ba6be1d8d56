"""Rows as tensors: padded to the longest of the batch, or joined to one sequence that attention keeps apart."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch

from toolkit.training.tokens import IGNORED


@dataclass(frozen=True)
class BatchRows:
    """A collator for rows of `input_ids`, `labels` and `row` (their index in the training data).

    Padded: input_ids, labels: int64 [rows, longest]. There is no attention mask: padding stands after a row, where
    causal attention does not look, and its labels are ignored. Joined: input_ids, labels, position_ids: int64
    [1, tokens]; positions begin anew with each row, and the first token of a row is never a label, so that no row is
    predicted from the one before it. Attention keeps rows apart by `cu_seq_lens_q` and `_k` (int32 [rows + 1], where
    each begins and the last ends), by `row_lengths` (on the host), or, in models of other kinds, by the positions.

    Both: `labelled`: int64 [learned], the places in the flattened batch that predict a learned token, and `targets`,
    those tokens; found here, so that nothing has to ask the device where they are. `row`: a list, which stays on the
    host.
    """

    pad_token_id: int
    joined: bool = False

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = dict(_joined(rows) if self.joined else _padded(rows, self.pad_token_id))
        learned = batch["labels"][:, 1:] != IGNORED
        line, place = learned.nonzero(as_tuple=True)
        batch["labelled"] = line * batch["labels"].shape[1] + place
        batch["targets"] = batch["labels"][:, 1:][learned]
        batch["row"] = [row["row"] for row in rows]
        return batch


def _padded(rows: list[dict[str, Any]], pad_token_id: int) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)
    return {
        "input_ids": torch.tensor(
            [row["input_ids"] + [pad_token_id] * (longest - len(row["input_ids"])) for row in rows]
        ),
        "labels": torch.tensor([row["labels"] + [IGNORED] * (longest - len(row["labels"])) for row in rows]),
    }


def _joined(rows: list[dict[str, Any]]) -> dict[str, Any]:
    lengths = [len(row["input_ids"]) for row in rows]
    ends = torch.tensor([0, *itertools.accumulate(lengths)], dtype=torch.int32)
    return {
        "input_ids": torch.tensor([[token for row in rows for token in row["input_ids"]]]),
        "labels": torch.tensor([[label for row in rows for label in (IGNORED, *row["labels"][1:])]]),
        "position_ids": torch.tensor([[position for length in lengths for position in range(length)]]),
        "cu_seq_lens_q": ends,
        "cu_seq_lens_k": ends,
        "max_length_q": max(lengths),
        "max_length_k": max(lengths),
        "row_lengths": tuple(lengths),
    }
