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
COMMON_AT_LEAST = 3e-6  # share of all words of a language from which a word counts as ordinary
NEIGHBOURS = (-2, -1, 0, 1, 2)


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
            *_together(before.shape, here.shape, after.shape, before.lists, here.lists, after.lists),
            _behind(before.context, "", here.shape, "1"),
            _behind(far_before.context, before.shape, here.shape, "2"),
        ]
        for far_before, before, here, after, far_after in zip(
            seen, seen[1:], seen[2:], seen[3:], seen[4:], strict=False
        )
    ]


class _Seen(NamedTuple):
    """A word as its neighbours and itself see it; `views`: from each of NEIGHBOURS."""

    shape: str
    lists: str
    context: str
    views: tuple[tuple[bytes, ...], ...]


@lru_cache(maxsize=100_000)
def _together(before: str, here: str, after: str, lists_before: str, lists: str, lists_after: str) -> tuple[bytes, ...]:
    """What the shapes and lists of neighbours say together."""
    pairs = (f"s3={before}{here}{after}", f"l2={lists_before}{lists}", f"l2+={lists}{lists_after}")
    return tuple(pair.encode() for pair in pairs)


@lru_cache(maxsize=100_000)
def _behind(context: str, between: str, shape: str, distance: str) -> bytes:
    """A word with the shapes of those that follow it."""
    return f"w-{distance}s={context}{between}{shape}".encode()


@lru_cache(maxsize=100_000)
def _seen(word: str) -> _Seen:
    views = tuple(_seen_from(word, offset) for offset in NEIGHBOURS)
    return _Seen(shape(word), listed(word), _context_word(word), views)


def _seen_from(word: str, offset: int) -> tuple[bytes, ...]:
    near = [f"{offset}w={_context_word(word)}", f"{offset}s={shape(word)}", f"{offset}l={listed(word)}"]
    if offset == 0:
        lower = word.casefold()
        near += [f"e3={lower[-3:]}", f"e2={lower[-2:]}", f"n={min(len(word), 9)}"]
    return tuple(feature.encode() for feature in near)


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
    lower = word.casefold().rstrip(".").removesuffix("'s").removesuffix("’s")
    parts = [part for part in re.split(r"['’-]", lower) if part]
    known = "n" if lower in known_names() or (len(parts) > 1 and all(part in known_names() for part in parts)) else ""
    if lower in ordinary_words() and (not known or lower in names_that_are_words()):
        known += "c"
    lists = (("b", BRANDS), ("p", PLACES), ("i", INTERFACE), ("a", ADDRESS_CUES), ("t", TITLES), ("h", HELP_WORDS))
    known += "".join(letter for letter, members in lists if lower in members)
    if "n" not in known and len(lower) >= LEAST_FORM and is_form(lower, "id"):
        known += "f"
    return known + ("s" if lower.endswith(STREET_ENDINGS) else "")


@lru_cache(maxsize=100_000)
def is_suspicious(word: str) -> bool:
    """Whether the word could be part of a name or address, so that its line is worth tagging."""
    lists = listed(word)
    if word[0].isupper():
        return "n" in lists or ("c" not in lists and word.casefold() not in NEVER_PERSONAL)
    return "n" in lists and word not in ordinary_words() and len(word) > 3


def forget_names() -> None:
    """Read the list of names again at its next use: training works with a part of it."""
    for cached in (_names, known_names, names_that_are_words, listed, is_suspicious, _seen):
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
