"""Deduplicating: exact copies and near-duplicates are left out for the row that came first.

Near-duplicate means Jaccard of character 4-grams of question and steps at or above the threshold, unless the two
questions differ in a name, a number or a word of opposite meaning: "Reset the PIN in Gojek" and "Reset the PIN in DANA"
share nearly all of their text and are two tasks.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from toolkit.data.rows import Batch, Dropped, Row
from toolkit.data.similarity import comparable, ngrams, similar_pairs
from toolkit.data.task_words import OPPOSITES
from toolkit.runs.recorder import Recorder

WORD = re.compile(r"[^\W_]+(?:[-'’+#.][^\W_]+)*[+#]*")
TYPO_RATIO = 0.75  # names this alike are one name with a typo: Gojek, Gojec


def deduplicate(batch: Batch, near_duplicate_jaccard: float, recorder: Recorder) -> Batch:
    """The batch without exact and near copies; each copy names the id of the row it was left out for."""
    recorder.progress("deduplicate", 0, len(batch.kept))
    recorder.check_stop()
    unique = batch.sift(_without_exact(batch.kept))
    unique = unique.sift(_without_near(unique.kept, near_duplicate_jaccard))
    recorder.progress("deduplicate", len(batch.kept), len(batch.kept))
    return unique


def _without_exact(rows: list[Row]) -> Iterator[Row | Dropped]:
    first: dict[str, Row] = {}
    for row in rows:
        earlier = first.setdefault(comparable(row.prompt, row.output), row)
        yield row if earlier is row else Dropped(row, "exact duplicate", kept_for=earlier.id)


def _without_near(rows: list[Row], threshold: float) -> Iterator[Row | Dropped]:
    similar: dict[int, list[tuple[float, int]]] = {}
    for earlier, later, value in similar_pairs([ngrams(comparable(row.prompt, row.output)) for row in rows], threshold):
        similar.setdefault(later, []).append((-value, earlier))
    gone: set[int] = set()
    for at, row in enumerate(rows):
        match = next(
            (earlier for _, earlier in sorted(similar.get(at, ())) if earlier not in gone and not are_different_tasks(rows[earlier], row)), None
        )
        if match is None:
            yield row
        else:
            gone.add(at)
            yield Dropped(row, "near-duplicate", kept_for=rows[match].id)


def are_different_tasks(left: Row, right: Row) -> bool:
    """Whether the questions differ in a name or number on both sides, in the order of names, or in an opposite."""
    left_words, right_words = WORD.findall(left.prompt), WORD.findall(right.prompt)
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
    """Words of a row, casefolded, that are written like names: a capital within a sentence, or one after the first letter."""
    found = set()
    for sentence in re.split(r"(?<=[.!?:])\s+|\n", re.sub(r"^\d{1,2}\. ", "", f"{row.prompt}\n{row.output}", flags=re.MULTILINE)):
        for at, word in enumerate(WORD.findall(sentence)):
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
