"""Splitting by groups: rows that could give each other away lie in the same split.

A group is what union-find makes of lineage (document section or Mallard page, `group` and `parent` of the input),
exact and near duplicates, those left out included, and of equal or nearly equal questions, whatever their answers. A
group's split follows from hash(seed, name of its first row): no row moves when others are added behind it, unless they
join two groups. The price is binomial noise in the shares (a standard deviation of .02 at 300 groups), which an exact
quota would avoid by moving old rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain

from toolkit.data.rows import SYNTHETIC, Batch, Dropped, Row, Selected, row_ids
from toolkit.data.selection.questions import GROUPED_FROM, comparable_question, question_key
from toolkit.data.selection.similarity import similar_pairs
from toolkit.grams import GramSets, comparable
from toolkit.options.data import SplitOptions

SHARES_A_GROUP = "the teacher's row resembles a held-out row or shares its section, and stays out of the test"


@dataclass(frozen=True)
class Split:
    """The rows kept with the split and the group of each, by id."""

    rows: Sequence[Row]
    split_of: dict[str, str]
    group_of: dict[str, str]

    def rows_of(self, split: str) -> Sequence[Row]:
        return Selected(
            self.rows, [at for at, identifier in enumerate(row_ids(self.rows)) if self.split_of[identifier] == split]
        )


def split_groups(rows: Sequence[Row], group_of: dict[str, str], options: SplitOptions) -> Split:
    """Rows by the split of their group; `group_of`: by row id."""
    choose = lru_cache(maxsize=1024)(partial(choose_split, options=options))
    return Split(rows, {identifier: choose(group) for identifier, group in group_of.items()}, group_of)


def teacher_rows_in_train(batch: Batch, split: Split) -> tuple[Batch, Split]:
    """Batch and split with what a teacher wrote in train alone: a test of its rows would ask how well it is imitated.

    Groups of its rows alone go to train; its rows in the held-out groups of people's rows are left out, so that these
    stay held out.
    """
    written = [row.source == SYNTHETIC for row in split.rows]
    of_people = {
        split.group_of[identifier]
        for identifier, is_written in zip(row_ids(split.rows), written, strict=True)
        if not is_written
    }
    split_of = {
        identifier: split.split_of[identifier] if group in of_people else "train"
        for identifier, group in split.group_of.items()
    }
    left_out = {
        identifier
        for identifier, is_written in zip(row_ids(split.rows), written, strict=True)
        if is_written and split_of[identifier] != "train"
    }
    kept = Selected(batch.kept, [at for at, name in enumerate(row_ids(batch.kept)) if name not in left_out])
    dropped = [Dropped(row, SHARES_A_GROUP) for row in split.rows if row.id in left_out]
    return Batch(kept, [*batch.dropped, *dropped]), Split(
        kept,
        {name: where for name, where in split_of.items() if name not in left_out},
        {name: group for name, group in split.group_of.items() if name not in left_out},
    )


def choose_split(group: str, options: SplitOptions) -> str:
    """The split of a group, from its name and the seed alone."""
    digest = hashlib.sha256(f"{options.seed}\n{group}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    if point < options.test_share:
        return "test"
    return "validation" if point < options.test_share + options.validation_share else "train"


def group_rows(batch: Batch, group_jaccard: float) -> dict[str, str]:
    """The group of every kept row by id, in their order, named after the group's first row: its `group`, else its
    lineage, else its id.
    """
    members = _Members()
    parents = _Parents(batch)
    ids: list[str] = []
    first: dict[
        int, tuple[int, str]
    ] = {}  # position and own group of each row, by its number in `members`; later of each group's first row

    def texts_joining() -> Iterator[str]:
        for row in batch.kept:
            asked = f"question {question_key(row.prompt).hex()}"
            first[members.join(_node(row), asked, *_lineage(row, parents))] = (row.position, _own_group(row))
            ids.append(row.id)
            yield comparable(row.prompt, row.output)

    grams, questions = GramSets(texts_joining()), GramSets(map(comparable_question, batch.kept))
    for item in batch.dropped:
        if item.kept_for:
            first[members.join(_node(item.row), *_lineage(item.row, parents))] = (
                item.row.position,
                _own_group(item.row),
            )
            members.join(_node(item.row), f"row {item.kept_for}")
    alike = chain(similar_pairs(grams, group_jaccard), similar_pairs(questions, GROUPED_FROM))
    for earlier, later, _ in alike:
        members.join(f"row {ids[earlier]}", f"row {ids[later]}")
    names: dict[int, tuple[int, str]] = {}
    for number, named in first.items():
        root = members.root_of(number)
        names[root] = min(names.get(root, named), named)
    return {identifier: names[members.root(f"row {identifier}")][1] for identifier in ids}


def _own_group(row: Row) -> str:
    return row.meta.get("group") or (row.lineage[0] if row.lineage else row.id)


def _node(row: Row) -> str:
    return f"row {row.id}"


class _Parents:
    """The rows that others name as their parent: [(source, node)] by the id they were given."""

    def __init__(self, batch: Batch) -> None:
        copies = [item.row for item in batch.dropped if item.kept_for]
        named = {parent for row in chain(batch.kept, copies) if (parent := row.meta.get("parent"))}
        self._rows: dict[str, list[tuple[str, str]]] = {}
        for row in chain(batch.kept, copies) if named else ():
            if row.given_id in named:
                self._rows.setdefault(row.given_id, []).append((row.source, _node(row)))

    def nodes(self, parent: str, source: str) -> list[str]:
        """Those of the row's own source if there are any; children of a missing parent stay together."""
        found = self._rows.get(parent, [])
        own = [node for where, node in found if where == source]
        return own or [node for _, node in found] or [f"parent {parent}"]


def _lineage(row: Row, parents: _Parents) -> list[str]:
    """What a row is joined to."""
    nodes = [f"lineage {name}" for name in row.lineage]
    if group := row.meta.get("group"):
        nodes.append(f"group {group}")
    if parent := row.meta.get("parent"):
        nodes += parents.nodes(parent, row.source)
    return nodes


class _Members:
    """Union-find over names, each held once and known by its number."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._above: list[int] = []

    def join(self, first: str, *others: str) -> int:
        """Put all in one group; the number of the first name."""
        number = self._numbered(first)
        for other in others:
            self._above[self.root_of(self._numbered(other))] = self.root_of(number)
        return number

    def root(self, name: str) -> int:
        return self.root_of(self._numbered(name))

    def root_of(self, number: int) -> int:
        while (above := self._above[number]) != number:
            self._above[number] = self._above[above]
            number = above
        return number

    def _numbered(self, name: str) -> int:
        number = self._number.setdefault(name, len(self._above))
        if number == len(self._above):
            self._above.append(number)
        return number
