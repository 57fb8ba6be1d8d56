"""Similarity of rows: normalised text, character 4-grams, exact Jaccard, and candidate pairs from MinHash.

MinHash only proposes; every pair that counts has its exact Jaccard similarity computed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import numpy as np
from rensa import RMinHash, RMinHashLSH

NGRAM = 4
PERMUTATIONS = 128
RECALL = 0.999  # least chance that a pair right at the threshold becomes a candidate
MINHASH_SEED = 20
MARKER = re.compile(r"^\d{1,2}\. ", re.MULTILINE)


def comparable(prompt: str, output: str) -> str:
    """Question and steps in the form that is compared: no list markers, no case, no punctuation, single spaces.

    `+` and `#` stay (C, C++ and C# are not the same), and so do letters of every script.
    """
    text = unicodedata.normalize("NFKC", f"{prompt}\n{MARKER.sub('', output)}").casefold()
    return " ".join(
        "".join(character if character.isalnum() or character in "+#" or unicodedata.combining(character) else " " for character in text).split()
    )


def ngrams(text: str) -> frozenset[str]:
    """Character 4-grams of a comparable text; the text itself where it is shorter."""
    return frozenset(text[at : at + NGRAM] for at in range(len(text) - NGRAM + 1)) or frozenset({text})


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)


def bands_for(threshold: float) -> tuple[int, int]:
    """(bands, rows per band): the widest bands that still propose a pair at the threshold with RECALL; 32 bands of 4 at .8."""
    for rows in (4, 3, 2):
        bands = PERMUTATIONS // rows
        if 1 - (1 - threshold**rows) ** bands >= RECALL:
            return bands, rows
    return PERMUTATIONS, 1


def similar_pairs(grams: list[frozenset[str]], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Pairs (earlier, later, Jaccard) with Jaccard >= threshold, by later, then earlier index."""
    bands, rows = bands_for(threshold)
    index = RMinHashLSH(threshold=threshold, num_perm=bands * rows, num_bands=bands)
    for later, later_grams in enumerate(grams):
        signature = RMinHash(num_perm=bands * rows, seed=MINHASH_SEED)
        signature.update(sorted(later_grams))
        for earlier in sorted(set(index.query(signature))):
            if _can_reach(grams[earlier], later_grams, threshold) and (value := jaccard(grams[earlier], later_grams)) >= threshold:
                yield earlier, later, value
        index.insert(later, signature)


def _can_reach(left: frozenset[str], right: frozenset[str], threshold: float) -> bool:
    """Sets of very different size cannot be that similar."""
    return min(len(left), len(right)) >= threshold * max(len(left), len(right))


def crossing_pairs(left: list[frozenset[str]], right: list[frozenset[str]], threshold: float) -> Iterator[tuple[int, int, float]]:
    """All pairs (index in left, index in right, Jaccard) at or above the threshold, found exactly, in no particular order.

    Counts shared grams of every pair through an inverted index of the longer list; independent of MinHash, so that it
    can check what MinHash left over. Time grows with the product of the lengths.
    """
    swapped = len(left) > len(right)
    probes, indexed = (right, left) if swapped else (left, right)
    index = _GramIndex(indexed)
    for at, grams in enumerate(probes):
        for other, value in index.similar_to(grams, threshold):
            yield (other, at, value) if swapped else (at, other, value)


class _GramIndex:
    """Which rows hold a gram: row numbers sorted by gram, int32, with the bounds of each gram's stretch."""

    def __init__(self, rows: list[frozenset[str]]) -> None:
        self._sizes = np.array([len(grams) for grams in rows], dtype=np.int64)
        self._number: dict[str, int] = {}
        numbers = np.fromiter((self._number.setdefault(gram, len(self._number)) for grams in rows for gram in grams), dtype=np.int64)
        holders = np.repeat(np.arange(len(rows), dtype=np.int32), self._sizes)
        self._holders = holders[np.argsort(numbers, kind="stable")]
        self._bounds = np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=len(self._number)))])

    def similar_to(self, grams: frozenset[str], threshold: float) -> Iterator[tuple[int, float]]:
        """(row, Jaccard) of the rows at or above the threshold, by row."""
        known = [self._number[gram] for gram in grams if gram in self._number]
        if not known:
            return
        holders = np.concatenate([self._holders[self._bounds[number] : self._bounds[number + 1]] for number in known])
        shared = np.bincount(holders, minlength=len(self._sizes))
        values = shared / (len(grams) + self._sizes - shared)
        for row in np.flatnonzero(values >= threshold):
            yield int(row), float(values[row])
