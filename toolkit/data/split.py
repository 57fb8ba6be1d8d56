"""Splitting by groups: rows that could give each other away lie in the same split.

A group is what union-find makes of lineage (document section or Mallard page, `group` and `parent` of the input),
exact and near duplicates, those left out included. A group's split follows from hash(seed, name of its first row): no
row moves when others are added behind it, unless they join two groups. The price is binomial noise in the shares
(a standard deviation of .02 at 300 groups), which an exact quota would avoid by moving old rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from toolkit.data.rows import Batch, Row
from toolkit.data.similarity import comparable, ngrams, similar_pairs
from toolkit.runs.recorder import Recorder

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """The rows kept with the split and the group of each, by id."""

    rows: list[Row]
    split_of: dict[str, str]
    group_of: dict[str, str]

    def rows_of(self, split: str) -> list[Row]:
        return [row for row in self.rows if self.split_of[row.id] == split]


def split_by_groups(batch: Batch, group_jaccard: float, test_share: float, validation_share: float, seed: int, recorder: Recorder) -> Split:
    """Every kept row in train, validation or test, a group never in two of them."""
    recorder.progress("split", 0, len(batch.kept))
    recorder.check_stop()
    group_of = group_rows(batch, group_jaccard)
    split_of = {row.id: choose_split(group_of[row.id], test_share, validation_share, seed) for row in batch.kept}
    recorder.progress("split", len(batch.kept), len(batch.kept))
    return Split(batch.kept, split_of, group_of)


def choose_split(group: str, test_share: float, validation_share: float, seed: int) -> str:
    """The split of a group, from its name and the seed alone."""
    digest = hashlib.sha256(f"{seed}\n{group}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    if point < test_share:
        return "test"
    return "validation" if point < test_share + validation_share else "train"


def group_rows(batch: Batch, group_jaccard: float) -> dict[str, str]:
    """The group of every kept row by id, named after the group's first row: its `group`, else its lineage, else its id."""
    members = _Members()
    rows = [*batch.kept, *(item.row for item in batch.dropped if item.kept_for)]
    by_given_id = _given_ids(rows)
    for row in rows:
        members.join(_node(row), *_lineage(row, by_given_id))
    for item in batch.dropped:
        if item.kept_for:
            members.join(_node(item.row), f"row {item.kept_for}")
    grams = [ngrams(comparable(row.prompt, row.output)) for row in batch.kept]
    for earlier, later, _ in similar_pairs(grams, group_jaccard):
        members.join(_node(batch.kept[earlier]), _node(batch.kept[later]))
    names: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row.position):
        names.setdefault(members.root(_node(row)), _own_group(row))
    return {row.id: names[members.root(_node(row))] for row in batch.kept}


def _own_group(row: Row) -> str:
    return row.meta.get("group") or (row.lineage[0] if row.lineage else row.id)


def _node(row: Row) -> str:
    return f"row {row.id}"


def _given_ids(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.given_id, []).append(row)
    return found


def _lineage(row: Row, rows_by_given_id: dict[str, list[Row]]) -> list[str]:
    """What a row is joined to. A parent is looked for in the row's own source first; children of a missing one stay together."""
    nodes = [f"lineage {name}" for name in row.lineage]
    if group := row.meta.get("group"):
        nodes.append(f"group {group}")
    if parent := row.meta.get("parent"):
        found = rows_by_given_id.get(parent, [])
        own = [candidate for candidate in found if candidate.source == row.source] or found
        nodes += [_node(candidate) for candidate in own] or [f"parent {parent}"]
    return nodes


class _Members:
    """Union-find over names."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def root(self, node: str) -> str:
        while (above := self._above.setdefault(node, node)) != node:
            self._above[node] = self._above[above]
            node = above
        return node

    def join(self, first: str, *others: str) -> None:
        for other in others:
            self._above[self.root(other)] = self.root(first)
        self.root(first)
