"""ROUGE-L F-measure on whole texts and line by line, equal to rouge-score's `rougeL` and `rougeLsum` without stemming.

Lin, 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"; the length of the LCS is Hyyrö, 2004, "Bit-parallel
LCS-length computation revisited", with a Python integer as the bit vector.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

_OTHER_LETTERS = 0.2  # of all: words with accents are fewer, other scripts are nearly all
_ASCII_WORD = re.compile(r"[a-z0-9]+")


def tokenize(text: str, tokenizer: str = "ascii") -> list[str]:
    """Words in lower case: `ascii` splits like rouge-score and loses every other letter, `unicode` keeps all letters,
    digits and marks.
    """
    if tokenizer == "ascii":
        return _ASCII_WORD.findall(text.lower())
    folded = unicodedata.normalize("NFC", text.casefold())
    return "".join(char if char.isalnum() or unicodedata.category(char)[0] == "M" else " " for char in folded).split()


def tokenizer_for(references: Iterable[str]) -> str:
    """`unicode` where more than a fifth of the references' letters are not a to z, which `ascii` would lose."""
    letters = [char for text in references for char in text if char.isalpha()]
    return "unicode" if sum(not char.isascii() for char in letters) > _OTHER_LETTERS * len(letters) else "ascii"


def rouge_l(reference: Sequence[Hashable], candidate: Sequence[Hashable]) -> float:
    """F-measure of the longest common subsequence of two token lists; 0 if either is empty."""
    if not reference or not candidate:
        return 0.0
    common = lcs_length(reference, candidate)
    precision, recall = common / len(candidate), common / len(reference)
    return 2 * precision * recall / (precision + recall) if common else 0.0


@dataclass(frozen=True)
class Rouge:
    """Precision, recall and F."""

    precision: float
    recall: float
    f1: float


def rouge_lsum(reference: list[list[str]], candidate: list[list[str]]) -> Rouge:
    """Union LCS over lines (Lin, 2004, section 3.2), all lines as lists of tokens; 0 if either text is empty.

    Each line of the reference collects what it shares with any line of the candidate, so the order of lines plays no
    part.
    """
    left_reference, left_candidate = (
        Counter(token for line in lines for token in line) for lines in (reference, candidate)
    )
    size_reference, size_candidate = left_reference.total(), left_candidate.total()
    if not size_reference or not size_candidate:
        return Rouge(0.0, 0.0, 0.0)
    hits = 0
    for line in reference:
        for position in sorted(set().union(*(lcs_positions(line, other) for other in candidate))):
            token = line[position]
            if left_reference[token] > 0 and left_candidate[token] > 0:
                left_reference[token] -= 1
                left_candidate[token] -= 1
                hits += 1
    precision, recall = hits / size_candidate, hits / size_reference
    return Rouge(precision, recall, 2 * precision * recall / (precision + recall) if hits else 0.0)


def lcs_positions(left: Sequence[Hashable], right: Sequence[Hashable]) -> set[int]:
    """Positions in `left` of one longest common subsequence: the one that rouge-score finds, the latest in `left`."""
    if not set(left) & set(right):
        return set()
    table = [[0] * (len(right) + 1)]
    for token in left:
        above, row = table[-1], [0]
        for index, other in enumerate(right):
            row.append(above[index] + 1 if token == other else max(above[index + 1], row[index]))
        table.append(row)
    found, i, j = set(), len(left), len(right)
    while i and j:
        if left[i - 1] == right[j - 1]:
            found.add(i - 1)
            i, j = i - 1, j - 1
        elif table[i][j - 1] > table[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return found


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
