"""How often a word is written, and what it may be a form of: prefixes and endings of English and Indonesian taken off
(wordfreq's lists, CC BY-SA 4.0).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache

from wordfreq import available_languages, get_frequency_dict

from toolkit.data.words.help_words import TECHNICAL

# On the Zipf scale (logarithm of occurrences in a thousand million words).
PART_FROM = {"en": 3.7, "id": 3.0}  # least frequency of the word in a form
LEAST_PART = 4  # letters of both words of a compound
COMPOUND_FROM = 4.5  # least frequency of both words of a compound
ENGLISH_PREFIXES = ("re", "un", "de", "pre", "non", "sub", "mis", "over", "out", "dis", "multi", "auto", "up", "down")
ENGLISH_ENDINGS = (
    "s",
    "es",
    "ed",
    "ing",
    "er",
    "ers",
    "or",
    "ors",
    "able",
    "ible",
    "ly",
    "ness",
    "ful",
    "less",
    "ment",
    "ments",
    "ation",
    "ations",
    "ity",
)
# Prefix: the letters that may follow it, and those that it may have taken from the root.
INDONESIAN_PREFIXES = {
    "meng": ("aeioughk", "k"),
    "meny": ("aeiou", "s"),
    "mem": ("bfpv", "p"),
    "men": ("cdjtzs", "t"),
    "me": ("lmnrwy", ""),
    "peng": ("aeioughk", "k"),
    "peny": ("aeiou", "s"),
    "pem": ("bfpv", "p"),
    "pen": ("cdjtzs", "t"),
    "pe": ("lmnrwytkd", ""),
    "per": ("", ""),
    "ber": ("", ""),
    "ter": ("", ""),
    "di": ("", ""),
    "ke": ("", ""),
    "se": ("", ""),
    "non": ("", ""),
}
PREFIX_STARTS = frozenset(prefix[0] for prefix in INDONESIAN_PREFIXES)
INDONESIAN_ENDINGS = ("nya", "lah", "kah", "pun", "kan", "an", "i", "ku", "mu", "mulah", "kanlah")


@cache
def frequencies(language: str) -> dict[str, float]:
    """Share of all words by word; {} for a language without a list."""
    if language not in available_languages("small"):
        return {}
    found: dict[str, float] = get_frequency_dict(language, "best")
    return found


def zipf(word: str, languages: Iterable[str]) -> float:
    """How often the word is written in the language that has it most, on the Zipf scale; 0 for one that no list has."""
    share = max((frequencies(language).get(word, 0.0) for language in languages), default=0.0)
    return _of_share(share) if share else 0.0


def _of_share(share: float) -> float:
    return math.log10(share) + 9


def is_form(word: str, language: str) -> bool:
    """Whether the word is built from one that the language's list has often enough, or from two."""
    shares = frequencies(language)
    if forms := FORMS.get(language):
        enough = _least_share(language, PART_FROM[language])
        for parts in forms(word):
            if all(part in TECHNICAL or shares.get(part, 0.0) >= enough for part in parts):
                return True
    if len(word) < 2 * LEAST_PART:
        return False
    enough = _least_share(language, COMPOUND_FROM)
    return any(
        shares.get(word[:at], 0.0) >= enough and shares.get(word[at:], 0.0) >= enough
        for at in range(LEAST_PART, len(word) - LEAST_PART + 1)
    )


@cache
def _least_share(language: str, least: float) -> float:
    """The smallest share of a language's list that is this much on the Zipf scale: shares are compared at a tenth of
    what their logarithms cost.
    """
    return min((share for share in set(frequencies(language).values()) if _of_share(share) >= least), default=math.inf)


def _english_parts(word: str) -> Iterator[tuple[str, ...]]:
    """What the word may be a form of."""
    for stem in (
        word,
        *(
            word[len(prefix) :]
            for prefix in ENGLISH_PREFIXES
            if word.startswith(prefix) and len(word) >= len(prefix) + 4
        ),
    ):
        if stem != word:
            yield (stem,)
        for ending in ENGLISH_ENDINGS:
            if stem.endswith(ending) and len(stem) >= len(ending) + 4:
                root = stem[: -len(ending)]
                yield from (
                    (root,),
                    (root + "e",),
                    *(((root[:-1],),) if root[-1] == root[-2] else ()),
                    *(((root[:-1] + "y",),) if root[-1] == "i" else ()),
                )


def _indonesian_parts(word: str, depth: int = 3) -> Iterator[tuple[str, ...]]:
    """Roots that the word may be built from; meN- and peN- may have taken the first letter."""
    if depth == 0:
        return
    stems = [word[: -len(ending)] for ending in INDONESIAN_ENDINGS if word.endswith(ending)]
    for prefix, (following, taken) in INDONESIAN_PREFIXES.items() if word[0] in PREFIX_STARTS else ():
        rest = word.removeprefix(prefix)
        if rest != word and rest and (not following or rest[0] in following):
            stems.append(rest)
        if rest != word and rest and rest[0] in "aeiou":
            stems += [letter + rest for letter in taken]
    for stem in stems:
        if len(stem) >= 4:
            yield (stem,)
            yield from _indonesian_parts(stem, depth - 1)


FORMS = {"en": _english_parts, "id": _indonesian_parts}
