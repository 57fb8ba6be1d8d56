"""Similarity of rows: normalised text, character 4-grams, exact Jaccard, and candidate pairs from MinHash.

MinHash only proposes; every pair that counts has its exact Jaccard similarity computed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

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
    """All pairs (index in left, index in right, Jaccard) at or above the threshold, found exactly.

    Prefix filtering (Bayardo, Ma and Srikant, WWW 2007): two sets that similar share one of their rarest grams.
    Independent of MinHash, so that it can check what MinHash left over.
    """
    rank = _rarest_first([*left, *right])
    holders: dict[str, list[int]] = {}
    for at, grams in enumerate(right):
        for gram in _prefix(grams, rank, threshold):
            holders.setdefault(gram, []).append(at)
    for at, grams in enumerate(left):
        candidates = {other for gram in _prefix(grams, rank, threshold) for other in holders.get(gram, ())}
        for other in sorted(candidates):
            if _can_reach(grams, right[other], threshold) and (value := jaccard(grams, right[other])) >= threshold:
                yield at, other, value


def _rarest_first(all_grams: Iterable[frozenset[str]]) -> dict[str, tuple[int, str]]:
    counts: dict[str, int] = {}
    for grams in all_grams:
        for gram in grams:
            counts[gram] = counts.get(gram, 0) + 1
    return {gram: (count, gram) for gram, count in counts.items()}


def _prefix(grams: frozenset[str], rank: dict[str, tuple[int, str]], threshold: float) -> list[str]:
    """The rarest grams of a set, so many that a set without any of them cannot reach the threshold."""
    least_shared = -int(-threshold * len(grams) // 1)  # ceil
    return sorted(grams, key=rank.__getitem__)[: len(grams) - least_shared + 1]
