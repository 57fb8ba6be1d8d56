"""Deduplicating: exact copies and near-duplicates are left out for the row that came first.

Near-duplicate means Jaccard of character 4-grams of question and steps at or above the threshold, unless the two
questions differ in a name, a number or a word of opposite meaning: "Reset the PIN in Gojek" and "Reset the PIN in DANA"
share nearly all of their text and are two tasks. In a language whose opposites are not known ("einschalten",
"ausschalten") any other word makes another task.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

from toolkit.data.cleaning.row_language import row_language
from toolkit.data.rows import Row
from toolkit.data.selection.similarity import similar_pairs
from toolkit.data.words.languages import KNOWN
from toolkit.data.words.task_words import OPPOSITES
from toolkit.grams import GramSets, comparable
from toolkit.runs.recorder import Recorder

WORD = re.compile(r"[^\W_]+(?:[-'’+#.][^\W_]+)*[+#]*")
TYPO_RATIO = 0.75  # names this alike are one name with a typo: Gojek, Gojec


def find_copies(rows: Sequence[Row], near_duplicate_jaccard: float, recorder: Recorder) -> dict[int, tuple[int, str]]:
    """Index of each copy with the index of the row that stays in its place, and the kind of copy."""
    recorder.check_stop()
    exact = _Exact()
    grams = GramSets(exact.first_texts(rows))
    recorder.check_stop()
    near = _near_copies(rows, exact.firsts, grams, near_duplicate_jaccard)
    copies = {at: (near.get(first, first), "exact duplicate") for at, first in exact.copies.items()}
    return copies | {at: (first, "near-duplicate") for at, first in near.items()}


class _Exact:
    """Which rows have a text that no earlier row has, and for the others which that was; texts are held as 16-byte
    digests.
    """

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.copies: dict[int, int] = {}

    def first_texts(self, rows: Iterable[Row]) -> Iterator[str]:
        seen: dict[bytes, int] = {}
        for at, row in enumerate(rows):
            text = comparable(row.prompt, row.output)
            first = seen.setdefault(hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest(), at)
            if first == at:
                self.firsts.append(at)
                yield text
            else:
                self.copies[at] = first


def _near_copies(rows: Sequence[Row], firsts: list[int], grams: GramSets, threshold: float) -> dict[int, int]:
    """Index of each near-duplicate with the index of the most similar row that stays; the earlier one where two are
    alike.
    """
    near: dict[int, int] = {}
    similar: list[tuple[float, int]] = []
    current = -1

    def decide() -> None:
        for _, earlier in sorted(similar):
            if firsts[earlier] not in near and not are_different_tasks(rows[firsts[earlier]], rows[firsts[current]]):
                near[firsts[current]] = firsts[earlier]
                return

    for earlier, later, value in similar_pairs(grams, threshold):
        if later != current:
            decide()
            current = later
            similar.clear()
        similar.append((-value, earlier))
    decide()
    return near


def are_different_tasks(left: Row, right: Row) -> bool:
    """Whether the questions differ in a name or number on both sides, in the order of names, or in an opposite; in a
    language that is not known, in any word.
    """
    left_words, right_words = WORD.findall(left.prompt), WORD.findall(right.prompt)
    if left_words == right_words:
        return False
    if not {row_language(left), row_language(right)} <= KNOWN:
        return [word.casefold() for word in left_words] != [word.casefold() for word in right_words]
    names = _names(left) | _names(right)
    left_names = [word.casefold() for word in left_words if word.casefold() in names or _has_digit(word)]
    right_names = [word.casefold() for word in right_words if word.casefold() in names or _has_digit(word)]
    only_left, only_right = _only(left_names, right_names), _only(right_names, left_names)
    if only_left and only_right and not _is_typo(only_left, only_right):
        return True
    if not only_left and not only_right and left_names != right_names and sorted(left_names) == sorted(right_names):
        return True
    return _are_opposite({word.casefold() for word in left_words}, {word.casefold() for word in right_words})


def _names(row: Row) -> set[str]:
    """Words of a row, casefolded, that are written like names: a capital within a sentence, or one after the first
    letter.
    """
    found = set()
    for sentence in re.split(
        r"(?<=[.!?:])\s+|\n", re.sub(r"^\d{1,2}\. ", "", f"{row.prompt}\n{row.output}", flags=re.MULTILINE)
    ):
        for at, word in enumerate(WORD.findall(sentence)):
            if word.islower():  # most words
                continue
            if (at > 0 and word[0].isupper() and word != "I") or any(letter.isupper() for letter in word[1:]):
                found.add(word.casefold())
    return found


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)


def _only(words: Iterable[str], others: Iterable[str]) -> list[str]:
    others = set(others)
    return sorted({word for word in words if word not in others})


def _is_typo(left: list[str], right: list[str]) -> bool:
    """One name each, nearly alike and without digits: 11 and 12 are never a typo."""
    if len(left) != 1 or len(right) != 1 or _has_digit(left[0]) or _has_digit(right[0]):
        return False
    return difflib.SequenceMatcher(None, left[0], right[0]).ratio() >= TYPO_RATIO


def _are_opposite(left: set[str], right: set[str]) -> bool:
    only_left, only_right = left - right, right - left
    return any((pair & only_left) and (pair & only_right) for pair in OPPOSITES)
