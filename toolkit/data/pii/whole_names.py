"""A name as far as it goes: half a name that is left beside its placeholder still says who it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolkit.data.pii.features import listed
from toolkit.data.pii.lexicon import ADDRESS_CUES, BEFORE_NAMES, NEVER_PERSONAL, TITLES
from toolkit.data.words.task_words import words
from toolkit.data.words.word_forms import zipf

PARTICLES = words("van von de da do dos das del della der den la le el al bin binti bint ibn abu ten ter")
NO_PART = NEVER_PERSONAL | TITLES | BEFORE_NAMES | ADDRESS_CUES
ORDINARY_FROM = 4.0  # on the Zipf scale: Susanto and Walker are written, though not as often as words are
MOST_WORDS = 5  # added on either side


def whole_name(sentence: Sequence[str], tokens: Sequence[re.Match[str]], first: int, last: int) -> tuple[int, int]:
    """First and last word of the name that holds these words, on the same line and with single spaces between."""
    for _ in range(MOST_WORDS):
        reach = _reach(sentence, tokens, last, 1)
        if not reach:
            break
        last += reach
    for _ in range(MOST_WORDS):
        reach = _reach(sentence, tokens, first, -1)
        if not reach:
            break
        first -= reach
    return first, last


def _reach(sentence: Sequence[str], tokens: Sequence[re.Match[str]], edge: int, way: int) -> int:
    """How many words further a name goes: 1, 2 over a particle, or 0."""
    for length in (1, 2):
        at = edge + way * length
        if not 0 <= at < len(sentence) or not _touch(tokens, at - way, at):
            return 0
        if _belongs(sentence, at):
            return length
        if sentence[at] not in PARTICLES:
            return 0
    return 0


def _touch(tokens: Sequence[re.Match[str]], left: int, right: int) -> bool:
    left, right = sorted((left, right))
    return tokens[right].start() == tokens[left].end() + 1 and tokens[right].group() != "\n" != tokens[left].group()


def _belongs(sentence: Sequence[str], at: int) -> bool:
    """Whether a word beside a name is one of its: with a capital, and a name or nobody's word. A word that begins a
    sentence has its capital from there, and must be on the list of names.
    """
    word = sentence[at]
    lists = listed(word)
    if not word[0].isupper() or word.casefold().rstrip(".") in NO_PART or {"h", "i", "b", "p", "a", "t"} & set(lists):
        return False
    begins = at == 0 or not (sentence[at - 1][0].isalnum() or sentence[at - 1] in (",", "(", "-"))
    is_ordinary = "c" in lists and zipf(word.casefold(), ("en", "id")) >= ORDINARY_FROM
    return "n" in lists or (not begins and not is_ordinary and len(word) > 1 and _is_written_as_a_name(word))


def _is_written_as_a_name(word: str) -> bool:
    return all(part[1:] == part[1:].lower() for part in re.split(r"[-'’.]", word))
