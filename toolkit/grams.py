"""What rows are compared by: comparable text, its character 4-grams as sorted hashes, and their exact Jaccard.

A gram is held as a hash of 32 bits: two grams of one pair of rows coincide by chance once in 25,000 pairs, which moves
the similarity by about .002.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

NGRAM = 4
MARKER = re.compile(r"^\d{1,2}\. ", re.MULTILINE)
AT_ONCE = 2_000  # rows turned into grams or signatures in one call
ASCII_TABLE = {code: chr(code) if chr(code).isalnum() or chr(code) in "+#" else " " for code in range(128)}

Grams = NDArray[np.uint32]


def comparable(prompt: str, output: str) -> str:
    """Question and steps in the form that is compared: no list markers, no case, no punctuation, single spaces.

    `+` and `#` stay (C, C++ and C# are not the same), and so do letters of every script.
    """
    text = f"{prompt}\n{MARKER.sub('', output)}"
    if text.isascii():
        return " ".join(text.lower().translate(ASCII_TABLE).split())
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(
        "".join(
            character if character.isalnum() or character in "+#" or unicodedata.combining(character) else " "
            for character in text
        ).split()
    )


class GramSets(Sequence[Grams]):
    """The 4-grams of many comparable texts: uint32 hashes in one flat array, each row's sorted and without repeats.

    `starts`: int64 [rows + 1]. About 1.7 kB a how-to row, where a frozenset of strings takes 40.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        flat: list[Grams] = [np.empty(0, np.uint32)]
        counts: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]
        texts = iter(texts)
        while some := list(islice(texts, AT_ONCE)):
            grams, count = _gram_hashes(some)
            flat.append(grams)
            counts.append(count)
        self._hold(np.concatenate(flat), np.concatenate(counts)[1:])

    def _hold(self, flat: Grams, sizes: NDArray[np.int64]) -> None:
        self.flat, self.sizes = flat, sizes
        self.starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])

    @classmethod
    def joined(cls, sets: Sequence[GramSets]) -> GramSets:
        """The rows of several one after the other."""
        whole = cls(())
        whole._hold(np.concatenate([some.flat for some in sets]), np.concatenate([some.sizes for some in sets]))
        return whole

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, at: int) -> Grams:  # type: ignore[override]
        return self.flat[self.starts[at] : self.starts[at + 1]]

    def jaccard(self, left: int, right: int) -> float:
        return jaccard_of(self[left], self[right])


def jaccard_of(left: Grams, right: Grams) -> float:
    """Jaccard similarity of two sorted arrays without repeats."""
    if len(left) > len(right):
        left, right = right, left
    at = np.searchsorted(right, left)
    shared = int(np.count_nonzero(right[np.minimum(at, len(right) - 1)] == left))
    return shared / (len(left) + len(right) - shared)


def _gram_hashes(texts: list[str]) -> tuple[Grams, NDArray[np.int64]]:
    """Hashes of all texts in order, and how many each has. Texts shorter than a gram are padded with zeros."""
    padded = [text if len(text) >= NGRAM else text.ljust(NGRAM, "\0") for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le"), np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, padded), np.int64, len(padded))
    row = np.repeat(np.arange(len(padded), dtype=np.uint64), lengths)
    hashes = mixed(codes[:-3] | codes[1:-2] << np.uint64(21) | codes[2:-1] << np.uint64(42), codes[3:])
    within = row[:-3] == row[3:]
    keys = np.sort(row[:-3][within] << np.uint64(32) | hashes[within] >> np.uint64(32))
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
    return keys.astype(np.uint32), np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(padded))


def mixed(low: NDArray[np.uint64], high: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """64-bit hashes of pairs of numbers (the finaliser of splitmix64, Steele et al. 2014)."""
    value = low ^ (high * np.uint64(0x9E3779B97F4A7C15))
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = value ^ (value >> np.uint64(31))
    return mixed


def similarities(query: Grams, rows: GramSets) -> NDArray[np.float64]:
    """Jaccard similarity of a set of grams to each row, [rows]."""
    row = np.repeat(np.arange(len(rows)), rows.sizes)
    at = np.minimum(np.searchsorted(query, rows.flat), len(query) - 1)
    shared = np.bincount(row[query[at] == rows.flat], minlength=len(rows))
    return np.asarray(shared / (len(query) + rows.sizes - shared), dtype=np.float64)
