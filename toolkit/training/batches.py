"""Rows as tensors: padded to the longest of the batch, or joined to one sequence that attention keeps apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from toolkit.training.tokens import IGNORED


@dataclass(frozen=True)
class BatchRows:
    """A collator for rows of `input_ids`, `labels` and `row` (their index in the training data).

    Padded: input_ids, labels, attention_mask: int64 [rows, longest]. Joined: input_ids, labels, position_ids: int64
    [1, tokens]; positions begin anew with each row, by which transformers makes attention block-diagonal, and the first
    token of a row is never a label, so that no row is predicted from the one before it. `row`: int64 [rows].
    """

    pad_token_id: int
    joined: bool = False

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = _joined(rows) if self.joined else _padded(rows, self.pad_token_id)
        batch["row"] = torch.tensor([row["row"] for row in rows])
        return batch


def _padded(rows: list[dict[str, Any]], pad_token_id: int) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)
    missing = [longest - len(row["input_ids"]) for row in rows]
    return {
        "input_ids": torch.tensor(
            [row["input_ids"] + [pad_token_id] * count for row, count in zip(rows, missing, strict=True)]
        ),
        "labels": torch.tensor([row["labels"] + [IGNORED] * count for row, count in zip(rows, missing, strict=True)]),
        "attention_mask": torch.tensor(
            [[1] * len(row["input_ids"]) + [0] * count for row, count in zip(rows, missing, strict=True)]
        ),
    }


def _joined(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    return {
        "input_ids": torch.tensor([[token for row in rows for token in row["input_ids"]]]),
        "labels": torch.tensor([[label for row in rows for label in (IGNORED, *row["labels"][1:])]]),
        "position_ids": torch.tensor([[position for row in rows for position in range(len(row["input_ids"]))]]),
    }
