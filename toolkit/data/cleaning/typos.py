"""Repairing typing errors, so carefully that it harms nothing: only words that cannot be meant, only one letter away
from one that can.

A word is looked at if it is written in small letters, has five or more, and no language of the recipe knows it: not as
a word, not as a form or compound of words, not as the name of an app, a place, a person or a thing on a screen. It is
changed if exactly one likely word is one insertion, deletion, change or swap away, the first letter kept. How likely a
word is say general lists and the words of the data set itself: what many of its rows use may be meant, though no list
has it; and a seldom word that one row uses is an error for all that a list from the web has it, if many rows have a
much likelier neighbour.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

from toolkit.data.pii.features import known_names
from toolkit.data.pii.lexicon import ADDRESS_CUES, NEVER_PERSONAL
from toolkit.data.words.help_words import HELP_WORDS, TECHNICAL
from toolkit.data.words.task_words import (
    ENGLISH_VERBS,
    INDONESIAN_FORMS,
    INDONESIAN_IMPERATIVES,
    INDONESIAN_PLAIN_VERBS,
)
from toolkit.data.words.word_forms import frequencies, is_form, zipf
from toolkit.records import JSON

WORD = re.compile(r"(?<![\w'’@./:\\-])[^\W\d_]+(?![\w'’@:\\/-])(?!\.\w)")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LEAST_LETTERS = 5
# On the Zipf scale (logarithm of occurrences in a thousand million words).
KNOWN_FROM = 3.0  # rarer words may be typing errors themselves: the lists come from the web
MEANT_FROM = 2.5  # least frequency of the word that was meant
BEFORE_THE_ERROR = 1.7  # by how much the word meant must be more frequent than the error
BEFORE_THE_NEXT = 0.3  # and than the next word that could be meant
NEVER_TOUCHED = (
    NEVER_PERSONAL
    | ADDRESS_CUES
    | ENGLISH_VERBS
    | INDONESIAN_IMPERATIVES
    | INDONESIAN_PLAIN_VERBS
    | frozenset(INDONESIAN_FORMS.values())
)
EASY_ERROR = 0.8
HELP_BONUS = 0.8  # words of how-to texts are this much likelier there than elsewhere
MOST_CHANGED = 0.1
# Of English verbs and nouns, and Indonesian -i: what is left of two forms behind their common letters.
INFLECTIONS = (
    "",
    "s",
    "d",
    "r",
    "i",
)
NEAR_LANGUAGES = {"id": ("ms",), "ms": ("id",)}  # they share most of their words, and the lists are small
# Of the data set's own words.
IN_ROWS = (
    2  # rows from which a word may be meant for all that no list has it, and from which a word is a term and stays,
)
OF_A_TERM = (
    0.1  # unless it is an error by the lists and has no more than this share of the rows of the word that was meant
)
SURE_IN_ROWS = 6  # rows from which a word may be meant rather than a seldom one that a list has
SELDOM_TO = 4.0  # frequency up to which a word that a list has is seldom
BEFORE_A_SELDOM = 2.0  # by how much a word meant rather than a seldom one must be more frequent


@dataclass(frozen=True, eq=False)  # compared and hashed by identity: repairs are kept for each
class Vocabulary:
    """What is known of a data set's words. `terms`: several rows use them; they stay. `rows`: of each word that may be
    meant; `total`: of all words together; `new_share`: how much of a text of this data set are words not seen yet, for
    which general lists have to do.
    """

    terms: frozenset[str] = frozenset()
    rows: Mapping[str, int] = field(default_factory=dict)
    total: int = 0
    new_share: float = 1.0

    def as_json(self) -> JSON:
        """In an order of its own, not that of the rows."""
        return {
            "terms": sorted(self.terms),
            "rows": dict(sorted(self.rows.items())),
            "total": self.total,
            "new_share": self.new_share,
        }

    @staticmethod
    def of(found: JSON) -> Vocabulary:
        return Vocabulary(frozenset(found["terms"]), found["rows"], found["total"], found["new_share"])


NO_VOCABULARY = Vocabulary()


class WordCounts:
    """Counts a data set's words, and tells its vocabulary."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        self._languages = languages
        self._rows: Counter[str] = Counter()

    def see(self, text: str) -> None:
        """Count a row's words once each."""
        self._rows.update({word for word in WORD.findall(text) if _is_looked_at(word)})

    def found(self) -> Vocabulary:
        several = {word: rows for word, rows in self._rows.items() if rows >= IN_ROWS}
        errors = {word: meant for word in several if (meant := repair_of(word, self._languages))}
        terms = frozenset(
            word
            for word, rows in several.items()
            if word not in errors or rows > OF_A_TERM * several.get(errors[word], 0)
        )
        rows = {word: rows for word, rows in several.items() if word not in errors}
        total = self._rows.total()
        # The share by Witten and Bell (1991), method C.
        return Vocabulary(terms, rows, total, len(self._rows) / max(1, total + len(self._rows)))


def repair_typos(text: str, languages: tuple[str, ...], vocabulary: Vocabulary = NO_VOCABULARY) -> tuple[str, int]:
    """The text with typing errors repaired, and how many were; `vocabulary`: of the data set. A language without a word
    list repairs nothing.

    A text of which more than a tenth would change is in another language, and stays as it is.
    """
    words = [word for word in WORD.findall(text) if _is_looked_at(word)]
    if not any(repair_of(word, languages, vocabulary, language) for language in languages for word in words):
        return text, 0
    own = _likeliest_language(text, languages)  # a text in one language means no words of another
    changed = 0

    def meant(match: re.Match[str]) -> str:
        nonlocal changed
        word = match.group()
        if not _is_looked_at(word) or (repaired := repair_of(word, languages, vocabulary, own)) is None:
            return word
        changed += 1
        return repaired

    result = WORD.sub(meant, text)
    return (result, changed) if changed <= max(2, MOST_CHANGED * len(WORD.findall(text))) else (text, 0)


def _likeliest_language(text: str, languages: tuple[str, ...]) -> str:
    """The language whose words the text is made of."""
    words = [word.casefold() for word in WORD.findall(text)]
    return max(languages, key=lambda language: sum(zipf(word, (language,)) for word in words))


def _is_looked_at(word: str) -> bool:
    return len(word) >= LEAST_LETTERS and word.islower()


@lru_cache(maxsize=200_000)
def repair_of(
    word: str, languages: tuple[str, ...], vocabulary: Vocabulary = NO_VOCABULARY, own: str = ""
) -> str | None:
    """The word that was meant, or None if this one may be right or the choice is not clear; `own`: the language in
    which a word may be meant, or any.
    """
    if word in vocabulary.terms or word in NEVER_TOUCHED or word in TECHNICAL or word in known_names():
        return None
    is_known = any(_is_known(word, language) for language in languages)
    written = zipf(word, languages)
    if is_known and (written > SELDOM_TO or not vocabulary.rows):
        return None
    meant = _meant((own,) if own else languages)
    known = (meant, vocabulary.rows, HELP_WORDS)
    ways = {
        other: way
        for other, way in _one_edit_away(word)
        if any(other in words for words in known) and not _is_same_word(word, other)
    }
    if is_known:
        ways = {other: way for other, way in ways.items() if _is_rather_meant(word, other, languages, vocabulary)}
    likely = {other: _likelihood(other, meant, vocabulary) for other in ways}
    if not ways or max(likely.values()) < max(MEANT_FROM, written + BEFORE_THE_ERROR):
        return None
    best, *others = sorted(((likely[other] + way, other) for other, way in ways.items()), reverse=True)
    return best[1] if not others or best[0] >= others[0][0] + BEFORE_THE_NEXT else None


def _is_same_word(word: str, other: str) -> bool:
    """Whether the two are forms of one word: optimizes, optimized."""
    shared = next(
        (at for at, (left, right) in enumerate(zip(word, other, strict=False)) if left != right),
        min(len(word), len(other)),
    )
    return word[shared:] in INFLECTIONS and other[shared:] in INFLECTIONS


def _is_rather_meant(seldom: str, other: str, languages: tuple[str, ...], vocabulary: Vocabulary) -> bool:
    """Whether a seldom word stands for another one: not where the one is the other with an ending."""
    is_ending = seldom.startswith(other) or other.startswith(seldom)
    return (
        vocabulary.rows.get(other, 0) >= SURE_IN_ROWS
        and not is_ending
        and zipf(other, languages) >= zipf(seldom, languages) + BEFORE_A_SELDOM
    )


def _likelihood(word: str, meant: Mapping[str, float], vocabulary: Vocabulary) -> float:
    """Zipf frequency of a word in texts of the data set: what general lists and its own rows say, each as far as the
    data set needs it.
    """
    general = 10 ** (meant.get(word, 0.0) + (HELP_BONUS if word in HELP_WORDS else 0))
    own = 1e9 * vocabulary.rows.get(word, 0) / max(1, vocabulary.total)
    return math.log10(vocabulary.new_share * general + (1 - vocabulary.new_share) * own)


@cache
def _meant(languages: tuple[str, ...]) -> dict[str, float]:
    """Zipf frequency of the words that can be meant."""
    least = 10 ** (MEANT_FROM - 9)
    words = {word for language in languages for word, share in frequencies(language).items() if share >= least}
    return {word: zipf(word, languages) for word in words}


def _is_known(word: str, language: str) -> bool:
    if not frequencies(language) or any(
        zipf(word, (near,)) >= KNOWN_FROM for near in (language, *NEAR_LANGUAGES.get(language, ()))
    ):
        return True
    return is_form(word, language)


def _one_edit_away(word: str) -> Iterator[tuple[str, float]]:
    """Words with the same first letter that this may be an error for, and how likely each error is (logarithm, against
    a wrong letter).

    A letter left out, a swap and a letter typed twice can happen in one way at a place; a wrong letter is one of 25.
    What can have happened in two ways comes last with the likelier.
    """
    for at in range(1, len(word)):
        start, rest = word[:at], word[at + 1 :]
        yield from ((start + letter + rest, 0.0) for letter in LETTERS)
        if word[at] != word[at - 1]:
            yield start + rest, 0.0
    for at in range(1, len(word) + 1):
        start, rest = word[:at], word[at:]
        yield from ((start + letter + rest, EASY_ERROR) for letter in LETTERS)
        if rest and word[at] == word[at - 1]:
            yield start + word[at + 1 :], EASY_ERROR
        if len(rest) > 1:
            yield start + rest[1] + rest[0] + rest[2:], EASY_ERROR
