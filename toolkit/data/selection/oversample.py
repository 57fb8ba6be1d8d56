"""More training rows, made from training rows after the split and nowhere else: rows of rare cells are repeated.

A made row keeps the steps, names its `parent`, and belongs to its parent's group.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from toolkit.data.rows import Batch, Dropped, Row
from toolkit.data.selection.split import Split
from toolkit.options.data import BalanceOptions

REPEATED = "oversample"


def oversample(batch: Batch, split: Split, options: BalanceOptions) -> tuple[Batch, Split]:
    """Training rows of rare cells (domain, language, register) repeated."""
    train = split.rows_of("train")
    cells = Counter(_cell(row) for row in train)
    made: list[Row | Dropped] = []
    for cell, count in sorted(cells.items()):
        rows = [row for row in train if _cell(row) == cell]
        missing = min(max(0, options.rare_cell_rows - count), count * options.most_copies)
        for number in range(missing):
            row, copy = rows[number % count], number // count + 1
            made.append(
                replace(
                    row,
                    source=REPEATED,
                    place=f"of {row.id}",
                    id=f"{row.id}/x{copy}",
                    meta={**row.meta, "source": REPEATED, "parent": row.id},
                    masks={},
                )
            )
    return add_to_train(batch, split, made)


def _cell(row: Row) -> tuple[str, str, str]:
    return row.meta.get("domain", ""), row.meta.get("language", ""), row.meta.get("register", "")


def add_to_train(batch: Batch, split: Split, items: list[Row | Dropped]) -> tuple[Batch, Split]:
    """Batch and split with rows that were made from training rows behind the others."""
    start = len(batch.kept) + len(batch.dropped)
    placed: list[Row | Dropped] = []
    for at, item in enumerate(items):
        placed.append(
            replace(item, row=replace(item.row, position=start + at))
            if isinstance(item, Dropped)
            else replace(item, position=start + at)
        )
    made = Batch([]).sift(placed)
    group_of = {**split.group_of, **{row.id: split.group_of[row.meta["parent"]] for row in made.kept}}
    split_of = {**split.split_of, **{row.id: "train" for row in made.kept}}
    return Batch([*batch.kept, *made.kept], [*batch.dropped, *made.dropped]), Split(
        [*split.rows, *made.kept], split_of, group_of
    )
