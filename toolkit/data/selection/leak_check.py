"""The leak check: reads the written splits back and looks for anything that two of them share.

Works on the files alone and with its own search, so that a fault of deduplication or of the split shows here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from toolkit.data.selection.questions import CERTIFIED_FROM, count_repeated, question_key
from toolkit.data.selection.similarity import crossing_pairs, similar_pairs
from toolkit.dataset_folder.documents import LeakCertificate
from toolkit.dataset_folder.names import SPLITS, split_file
from toolkit.errors import DataError
from toolkit.grams import GramSets, comparable
from toolkit.records import JSON, iter_jsonl, sha256_file

MOST_EXACT_PAIRS = 5_000_000  # about 4,500 rows; seconds
LEAK_SEED = 1_020  # not the permutations by which the split was made
KINDS = ("exact", "near-duplicate", "question", "lineage")


@dataclass(frozen=True)
class Leak:
    """Two rows of different splits that share more than they may. `kind`: one of KINDS."""

    kind: str
    left_split: str
    left_id: str
    right_split: str
    right_id: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.left_split}/{self.left_id} and {self.right_split}/{self.right_id} ({self.detail})"


def certify(dataset_dir: Path, group_jaccard: float) -> LeakCertificate:
    """The leak certificate of a data set folder.

    Raises:
        DataError: a pair crosses two splits; the first few are named.
    """
    leaks = find_leaks(dataset_dir, group_jaccard)
    if leaks:
        named = "; ".join(str(leak) for leak in leaks[:3])
        raise DataError(
            f"{len(leaks)} pairs of rows cross two splits of {dataset_dir.name}, for example {named}. Nothing was"
            " published; lower group_jaccard by 0.02 and run again, or give such rows the same `group`."
        )
    return certificate(dataset_dir, group_jaccard, leaks)


def certificate(dataset_dir: Path, group_jaccard: float, leaks: list[Leak]) -> LeakCertificate:
    """What was compared, how, and how many pairs of each kind cross."""
    counts = {split: sum(1 for _ in iter_jsonl(dataset_dir / split_file(split))) for split in SPLITS}
    pairs = sum(counts[left] * counts[right] for left, right in combinations(SPLITS, 2))
    search = (
        "exact search"
        if pairs <= MOST_EXACT_PAIRS
        else (
            "MinHash search (its own permutations, a pair at the limit missed once in 1,000, exact similarity of what"
            " it finds)"
        )
    )
    return LeakCertificate(
        leak_free=not leaks,
        crossing_pairs={kind: sum(leak.kind == kind for leak in leaks) for kind in KINDS},
        rows=counts,
        pairs_covered=pairs,
        method=(
            f"{search} for Jaccard >= {group_jaccard} of character 4-grams over question and steps without markers;"
            f" equality of that text; equal questions, and questions of Jaccard >= {CERTIFIED_FROM}, whatever their"
            " answers; meta.group and meta.parent"
        ),
        equal_questions=count_repeated(
            line["prompt"] for split in SPLITS for line in iter_jsonl(dataset_dir / split_file(split))
        ),
        sha256={split_file(split): sha256_file(dataset_dir / split_file(split)) for split in SPLITS},
    )


def find_leaks(dataset_dir: Path, group_jaccard: float) -> list[Leak]:
    """Pairs of rows that cross two splits by text, near-duplicate text, question or lineage.

    Near-duplicates are searched exactly while there are up to MOST_EXACT_PAIRS pairs; beyond, where that would take
    hours, by MinHash with other permutations than the split used. Equal texts and lineage are always looked up exactly.
    """
    sides = {split: _Side(dataset_dir / split_file(split)) for split in SPLITS}
    by_text = [*_equal_texts(sides)]
    exact = {(leak.left_id, leak.right_id) for leak in by_text}
    pairs = sum(len(sides[left].ids) * len(sides[right].ids) for left, right in combinations(SPLITS, 2))
    search = _near_exactly if pairs <= MOST_EXACT_PAIRS else _near_by_minhash
    near = search(sides, {split: side.grams for split, side in sides.items()}, group_jaccard, "near-duplicate")
    by_text += [leak for leak in near if (leak.left_id, leak.right_id) not in exact]
    known = {(leak.left_id, leak.right_id) for leak in by_text}
    near = search(sides, {split: side.questions for split, side in sides.items()}, CERTIFIED_FROM, "question")
    asked = {(leak.left_id, leak.right_id): leak for leak in (*near, *_equal_questions(sides))}
    by_question = [leak for pair, leak in asked.items() if pair not in known]
    return [*by_text, *by_question] + [
        leak
        for left, right in combinations(SPLITS, 2)
        for leak in _lineage_leaks(left, sides[left], right, sides[right])
    ]


class _Side:
    """A split as it was written: ids, 4-grams of texts and questions, digests and lineage, without the texts."""

    def __init__(self, path: Path) -> None:
        self.ids: list[str] = []
        self.digests: list[bytes] = []
        self.lineage: list[tuple[str, ...]] = []
        self.asked: list[bytes] = []
        self.grams = GramSets(self._texts(path))
        self.questions = GramSets(comparable(line["prompt"], "") for line in iter_jsonl(path))

    def _texts(self, path: Path) -> Iterator[str]:
        for line in iter_jsonl(path):
            text = comparable(line["prompt"], line["output"])
            meta = line.get("meta") or {}
            self.ids.append(str(line["id"]))
            self.digests.append(hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest())
            self.asked.append(question_key(line["prompt"]))
            self.lineage.append(_lineage(str(line["id"]), meta))
            yield text


def _equal_texts(sides: dict[str, _Side]) -> Iterator[Leak]:
    return _equal("exact", "the same text", {split: (side.ids, side.digests) for split, side in sides.items()})


def _equal_questions(sides: dict[str, _Side]) -> Iterator[Leak]:
    return _equal("question", "the same question", {split: (side.ids, side.asked) for split, side in sides.items()})


def _equal(kind: str, detail: str, sides: dict[str, tuple[list[str], list[bytes]]]) -> Iterator[Leak]:
    for left, right in combinations(SPLITS, 2):
        holders: dict[bytes, list[str]] = {}
        for identifier, digest in zip(*sides[right], strict=True):
            holders.setdefault(digest, []).append(identifier)
        for identifier, digest in zip(*sides[left], strict=True):
            yield from (Leak(kind, left, identifier, right, other, detail) for other in holders.get(digest, ()))


def _near_exactly(sides: dict[str, _Side], grams: dict[str, GramSets], threshold: float, kind: str) -> Iterator[Leak]:
    for left, right in combinations(SPLITS, 2):
        for at, other, value in sorted(crossing_pairs(grams[left], grams[right], threshold)):
            yield Leak(kind, left, sides[left].ids[at], right, sides[right].ids[other], f"Jaccard {value:.2f}")


def _near_by_minhash(
    sides: dict[str, _Side], grams: dict[str, GramSets], threshold: float, kind: str
) -> Iterator[Leak]:
    places = [(split, identifier) for split in SPLITS for identifier in sides[split].ids]
    joined = GramSets.joined([grams[split] for split in SPLITS])
    apart = np.repeat(np.arange(len(SPLITS), dtype=np.int8), [len(sides[split].ids) for split in SPLITS])
    for earlier, later, value in similar_pairs(joined, threshold, LEAK_SEED, apart):
        yield Leak(kind, *places[earlier], *places[later], f"Jaccard {value:.2f}")


def _lineage_leaks(left: str, left_side: _Side, right: str, right_side: _Side) -> Iterator[Leak]:
    holders: dict[str, str] = {}
    for identifier, names in zip(right_side.ids, right_side.lineage, strict=True):
        for name in names:
            holders.setdefault(name, identifier)
    for identifier, names in zip(left_side.ids, left_side.lineage, strict=True):
        for name in names:
            if name in holders:
                yield Leak("lineage", left, identifier, right, holders[name], name)


def _lineage(identifier: str, meta: JSON) -> tuple[str, ...]:
    """Names that two related rows share; a parent is known by its id, which a row may be or point to."""
    names = {f"row {identifier}"}
    if group := meta.get("group"):
        names.add(f"group {group}")
    if parent := meta.get("parent"):
        names.add(f"row {parent}")
    return tuple(sorted(names))
