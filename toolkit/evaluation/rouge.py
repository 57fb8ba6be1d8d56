"""ROUGE-L F-measure on whole texts, equal to rouge-score's `rougeL` without stemming, by a bit-parallel LCS.

Lin, 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"; the LCS is Hyyrö, 2004, "Bit-parallel LCS-length
computation revisited", with a Python integer as the bit vector.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Sequence

_ASCII_WORD = re.compile(r"[a-z0-9]+")


def tokenize(text: str, tokenizer: str = "ascii") -> list[str]:
    """Words in lower case: `ascii` splits like rouge-score and loses every other letter, `unicode` keeps all letters, digits and marks."""
    if tokenizer == "ascii":
        return _ASCII_WORD.findall(text.lower())
    folded = unicodedata.normalize("NFC", text.casefold())
    return "".join(char if char.isalnum() or unicodedata.category(char)[0] == "M" else " " for char in folded).split()


def rouge_l(reference: Sequence[Hashable], candidate: Sequence[Hashable]) -> float:
    """F-measure of the longest common subsequence of two token lists; 0 if either is empty."""
    if not reference or not candidate:
        return 0.0
    common = lcs_length(reference, candidate)
    precision, recall = common / len(candidate), common / len(reference)
    return 2 * precision * recall / (precision + recall) if common else 0.0


def lcs_length(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence."""
    positions: dict[Hashable, int] = {}
    for index, token in enumerate(left):
        positions[token] = positions.get(token, 0) | (1 << index)
    everywhere = (1 << len(left)) - 1
    unmatched = everywhere
    for token in right:
        hits = positions.get(token)
        if hits is not None:
            matched = unmatched & hits
            unmatched = ((unmatched + matched) | (unmatched - matched)) & everywhere
    return len(left) - unmatched.bit_count()
