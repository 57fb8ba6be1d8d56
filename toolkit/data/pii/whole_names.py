"""A name as far as it goes: half a name that is left beside its placeholder still says who it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from toolkit.data.pii.features import listed
from toolkit.data.pii.lexicon import ADDRESS_CUES, BEFORE_NAMES, NEVER_PERSONAL, TITLES
from toolkit.data.words.questions import english_verb, indonesian_verb
from toolkit.data.words.task_words import ENGLISH_STEP_VERBS, words
from toolkit.data.words.word_forms import zipf

PARTICLES = words("van von de da do dos das del della der den la le el al bin binti bint ibn abu ten ter")
NO_PART = NEVER_PERSONAL | TITLES | BEFORE_NAMES | ADDRESS_CUES
# Family and given names that every text has as words: they count with a capital beside a name that was found.
NAMES_AND_WORDS = words("oh song an yoo park young moon min")
NOBODYS_WORD_BELOW = 2.2  # on the Zipf scale: what begins a sentence and is that seldom a word is a name
LEAST_LETTERS = 3
VERB_STARTS = ("un", "re", "de", "dis", "over", "off", "mis", "ber")
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
    if word[0].isupper() and word.casefold() in NAMES_AND_WORDS:
        return not _begins_step(sentence, at)
    if not word[0].isupper() or word.casefold().rstrip(".") in NO_PART or {"h", "i", "b", "p", "a", "t"} & set(lists):
        return False
    begins = at == 0 or not (sentence[at - 1][0].isalnum() or sentence[at - 1] in (",", "(", "-"))
    is_ordinary = "c" in lists and zipf(word.casefold(), ("en", "id")) >= ORDINARY_FROM
    if "n" in lists:
        return True
    if begins:
        return not lists and _is_nobodys_word(word) and not _begins_step(sentence, at)
    return not is_ordinary and len(word) > 1 and _is_written_as_a_name(word)


def _begins_step(sentence: Sequence[str], at: int) -> bool:
    """Behind the number of a step an imperative follows: "3. Unmute Kevin"."""
    return at >= 2 and sentence[at - 1] in (".", ")", ":") and sentence[at - 2].isdigit()


def _is_nobodys_word(word: str) -> bool:
    """Whether no language of the lists has a word that could begin a sentence: Tarık, Obiageli; not Unmute."""
    lower = word.casefold()
    is_verb = (
        english_verb(lower) or lower in ENGLISH_STEP_VERBS or indonesian_verb(lower) or lower.startswith(VERB_STARTS)
    )
    seldom = zipf(lower, ("en", "id")) < NOBODYS_WORD_BELOW
    return seldom and not is_verb and len(word) >= LEAST_LETTERS and _is_written_as_a_name(word)


def _is_written_as_a_name(word: str) -> bool:
    return all(part[1:] == part[1:].lower() for part in re.split(r"[-'’.]", word))
