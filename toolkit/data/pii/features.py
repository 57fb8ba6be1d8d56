"""What the CRF sees of a word: how it is written, how ordinary it is, whether lists know it, and the same of its
neighbours.
"""

from __future__ import annotations

import gzip
import re
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from wordfreq import get_frequency_dict

from toolkit.data.pii.lexicon import ADDRESS_CUES, BRANDS, INTERFACE, NEVER_PERSONAL, PLACES, STREET_ENDINGS, TITLES
from toolkit.data.pii.names_elsewhere import NAMES_ELSEWHERE
from toolkit.data.words.help_words import HELP_WORDS
from toolkit.data.words.word_forms import is_form

NAMES_FILE = "names.txt.gz"
IS_A_WORD = "*"  # behind a name in that file
LEAST_FORM = 6  # letters of a word that may be a form of an Indonesian one
TOKEN = re.compile(r"\[[A-Z]+_\d+\]|[^\W\d_]+(?:['’.-][^\W\d_]+)*|\d+(?:[/-]?[^\W_]+)*|\n|\S")
PARTS_OF_A_WORD = re.compile(r"['’-]")
COMMON_AT_LEAST = 3e-6  # share of all words of a language from which a word counts as ordinary


def features(words: list[str]) -> list[list[bytes]]:
    """One list of features a word, in order; as bytes, which the CRF takes without encoding them again."""
    seen = list(map(_seen, ("<s>", "<s>", *words, "</s>", "</s>")))
    return [
        [
            *far_before.views[0],
            *before.views[1],
            *here.views[2],
            *after.views[3],
            *far_after.views[4],
            b"s3=" + before.shape + here.shape + after.shape,  # what the shapes and lists of neighbours say together
            b"l2=" + before.lists + here.lists,
            b"l2+=" + here.lists + after.lists,
            b"w-1s=" + before.context + here.shape,  # a word with the shapes of those that follow it
            b"w-2s=" + far_before.context + before.shape + here.shape,
        ]
        for far_before, before, here, after, far_after in zip(
            seen, seen[1:], seen[2:], seen[3:], seen[4:], strict=False
        )
    ]


class _Seen(NamedTuple):
    """A word as its neighbours and itself see it; `views`: from two words behind it to two before."""

    shape: bytes
    lists: bytes
    context: bytes
    views: tuple[tuple[bytes, ...], ...]


@lru_cache(maxsize=100_000)
def _seen(word: str) -> _Seen:
    form, lists, context = shape(word).encode(), listed(word).encode(), _context_word(word).encode()
    lower = word.casefold()
    of_itself = (f"e3={lower[-3:]}".encode(), f"e2={lower[-2:]}".encode(), f"n={min(len(word), 9)}".encode())
    views = (
        (b"-2w=" + context, b"-2s=" + form, b"-2l=" + lists),
        (b"-1w=" + context, b"-1s=" + form, b"-1l=" + lists),
        (b"0w=" + context, b"0s=" + form, b"0l=" + lists, *of_itself),
        (b"1w=" + context, b"1s=" + form, b"1l=" + lists),
        (b"2w=" + context, b"2s=" + form, b"2l=" + lists),
    )
    return _Seen(form, lists, context, views)


@lru_cache(maxsize=100_000)
def _context_word(word: str) -> str:
    """The word itself where it is ordinary; what is rare is known by its form and lists alone, so that the model meets
    new names prepared.
    """
    lower = word.casefold()
    return (
        lower if lower in ordinary_words() or lower in ADDRESS_CUES or lower in TITLES or not word[0].isalnum() else "?"
    )


@lru_cache(maxsize=100_000)
def shape(word: str) -> str:
    if word.isdigit():
        return f"d{min(len(word), 6)}"
    if word[0].isdigit():
        return "dx"
    if not word[0].isalpha():
        return "P" if word.startswith("[") and len(word) > 1 else word
    if word.isupper():
        return "X" if len(word) == 1 else "XX" if len(word) < 4 else "XXX"
    return ("Xx" if word[1:].islower() else "XxX") if word[0].isupper() else "x"


@lru_cache(maxsize=100_000)
def listed(word: str) -> str:
    """Which lists know the word, in one letter each: n(ame), c(ommon), b(rand), p(lace), i(nterface), a(ddress),
    t(itle), h(elp), f(orm), s(treet ending).
    """
    lower, known = _name_or_word(word)
    lists = (("b", BRANDS), ("p", PLACES), ("i", INTERFACE), ("a", ADDRESS_CUES), ("t", TITLES), ("h", HELP_WORDS))
    known += "".join(letter for letter, members in lists if lower in members)
    if "n" not in known and len(lower) >= LEAST_FORM and is_form(lower, "id"):
        known += "f"
    return known + ("s" if lower.endswith(STREET_ENDINGS) else "")


@lru_cache(maxsize=100_000)
def _name_or_word(word: str) -> tuple[str, str]:
    """A word as the lists have it, and whether it is on the list of names (n) and an ordinary word (c)."""
    lower = word.casefold().rstrip(".").removesuffix("'s").removesuffix("’s")
    names = known_names()
    known = "n" if lower in names else ""
    if not known and not lower.isalnum():
        parts = [part for part in PARTS_OF_A_WORD.split(lower) if part]
        known = "n" if len(parts) > 1 and all(part in names for part in parts) else ""
    if lower in ordinary_words() and (not known or lower in names_that_are_words()):
        known += "c"
    return lower, known


@lru_cache(maxsize=100_000)
def is_suspicious(word: str) -> bool:
    """Whether the word could be part of a name or address, so that its line is worth tagging."""
    _, lists = _name_or_word(word)
    if word[0].isupper():
        return "n" in lists or ("c" not in lists and word.casefold() not in NEVER_PERSONAL)
    return "n" in lists and word not in ordinary_words() and len(word) > 3


def forget_names() -> None:
    """Read the list of names again at its next use: training works with a part of it."""
    for cached in (_names, known_names, names_that_are_words, _name_or_word, listed, is_suspicious, _seen):
        cached.cache_clear()


@cache
def known_names() -> frozenset[str]:
    """Given and family names of Faker's Latin-script locales and of NAMES_ELSEWHERE, casefolded words."""
    return frozenset(name.removesuffix(IS_A_WORD) for name in _names()) | NAMES_ELSEWHERE


@cache
def names_that_are_words() -> frozenset[str]:
    """Names that are as well words of English or Indonesian: rose, hope, page, indah; not kevin, however often it is
    written.
    """
    marked = frozenset(name.removesuffix(IS_A_WORD) for name in _names() if name.endswith(IS_A_WORD))
    return marked | (NAMES_ELSEWHERE & ordinary_words())


@cache
def _names() -> tuple[str, ...]:
    return tuple(gzip.decompress(resource(NAMES_FILE).read_bytes()).decode("utf-8").split())


@cache
def ordinary_words() -> frozenset[str]:
    """Frequent words of English and Indonesian (wordfreq, CC BY-SA 4.0)."""
    return frozenset(
        word
        for language in ("en", "id")
        for word, share in get_frequency_dict(language, "small").items()
        if share >= COMMON_AT_LEAST
    )


def resource(name: str) -> Path:
    return Path(str(resources.files("toolkit.data.pii").joinpath(name)))
