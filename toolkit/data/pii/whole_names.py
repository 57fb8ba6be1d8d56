"""Names by their words alone: a name as far as it goes, for half of one beside its placeholder still says who it is,
and words beside each other that are nobody's words, whatever the model makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from toolkit.data.pii.features import known_names, listed, ordinary_words
from toolkit.data.pii.lexicon import ADDRESS_CUES, BEFORE_NAMES, NEVER_PERSONAL, TITLES
from toolkit.data.words.questions import english_verb, indonesian_verb
from toolkit.data.words.task_words import ENGLISH_STEP_VERBS, words
from toolkit.data.words.word_forms import frequencies, is_form, zipf

PARTICLES = words("van von de da do dos das del della der den la le el al bin binti bint ibn abu ten ter")
NO_PART = NEVER_PERSONAL | TITLES | BEFORE_NAMES | ADDRESS_CUES
# Family and given names that every text has as words: they count with a capital beside a name that was found.
NAMES_AND_WORDS = words("oh song an yoo park young moon min")
NOBODYS_WORD_BELOW = 3.5  # on the Zipf scale: a word that is that seldom, and of which no form is written, is a name
LEAST_LETTERS = 3
# Prefixes of verbs, and how many letters the verb has at least.
VERB_STARTS = {"un": 3, "re": 3, "de": 4, "dis": 3, "over": 3, "off": 3, "mis": 3, "ber": 4}
KNOWN_FROM = 3.0  # on the Zipf scale: of what a form is made of
ENGLISH_INFLECTIONS, INDONESIAN_ENDINGS = ("s", "d", "ed", "ing"), ("nya", "kan", "an")
FORM_FROM = 1.6  # on the Zipf scale: the Alpers of one telephone book are no word
OF_WORDS = tuple(
    sorted(
        words(
            "tion tions sion sions able ible ability ized ised izing ising izer iser ated ating ator ators ous logy"
            " ological graphy metric metrics ness ware sheet ment ments tics ical ivity iate"
        )
    )
)
LEAST_ROOT = 4  # letters of what an ending is taken off, and of both halves of a compound
LONGEST_SYLLABLE = 5  # letters: Kyung-hee
LEAST_WORDS = 2  # of a name that the lists do not know
WRITTEN = re.compile(r"[^\W\d_][^\W\d_]+(?:-[^\W\d_]+)?")  # no dots: example.org, Inc.
# What follows these is a place.
BEFORE_PLACES = words(
    "di in at near dekat menuju stasiun terminal bandara kota pulau desa pantai gunung pasar station airport island "
    "town city village province lake river mount"
)
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


def by_words_alone(sentence: Sequence[str], tokens: Sequence[re.Match[str]]) -> frozenset[int]:
    """The words of names that no list and no model has to know: two or more beside each other, each with a capital and
    nobody's word or on the list of names, and one of them nothing else: "Damilare Okeowo", "Yoo Seo-yul".
    """
    found: list[int] = []
    run: list[int] = []
    for at in range(len(sentence) + 1):
        if at < len(sentence) and _may_be_of_a_name(sentence, at) and (not run or _touch(tokens, at - 1, at)):
            run.append(at)
            continue
        if len(run) >= LEAST_WORDS and any(_is_of_no_text(sentence[place]) for place in run):
            found += [] if run[0] and sentence[run[0] - 1].casefold() in BEFORE_PLACES else run
        run = [at] if run and at < len(sentence) and _may_be_of_a_name(sentence, at) else []
    return frozenset(found)


def _may_be_of_a_name(sentence: Sequence[str], at: int) -> bool:
    word = sentence[at]
    if not word[0].isupper() or not WRITTEN.fullmatch(word) or not _is_written_as_a_name(word):
        return False
    if _is_of_no_text(word):
        return not _begins_step(sentence, at)
    is_name = listed(word) == "n" or word.casefold() in NAMES_AND_WORDS  # a Bond and a Hall are as likely things
    return is_name and not _begins(sentence, at) and word.casefold() not in NO_PART


@lru_cache(maxsize=50_000)
def _is_of_no_text(word: str) -> bool:
    """Whether a word is a name or nothing: on the list of names alone, or on no list and nobody's word."""
    if listed(word):
        return listed(word) == "n"
    return word.casefold() not in NO_PART and _is_nobodys_word(word) and not _is_made_of_words(word.casefold())


def _is_made_of_words(lower: str) -> bool:
    """Whether a word that no list has is made as words of a trade are: Extensible, Reconciled, Short-Term, Scatterplot;
    not Seo-yul.
    """
    parts = lower.split("-")
    if len(parts) > 1:
        return any(len(part) > LONGEST_SYLLABLE or (len(part) > LEAST_LETTERS and _is_a_word(part)) for part in parts)
    if lower.endswith(OF_WORDS):
        return True
    roots = [lower.removesuffix(ending) for ending in ("ed", "ing") if lower.endswith(ending)]
    if any(
        len(root) >= LEAST_ROOT and zipf(form, ("en",)) >= FORM_FROM for root in roots for form in (root, f"{root}e")
    ):
        return True
    return any(
        _is_a_word(lower[:at]) and _is_a_word(lower[at:]) for at in range(LEAST_ROOT, len(lower) - LEAST_ROOT + 1)
    )


def _is_a_word(lower: str) -> bool:
    return lower in ordinary_words() and lower not in known_names()


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
    is_ordinary = "c" in lists and zipf(word.casefold(), ("en", "id")) >= ORDINARY_FROM
    if "n" in lists:
        return True
    if _begins(sentence, at):
        return not lists and _is_nobodys_word(word) and not _begins_step(sentence, at)
    return not is_ordinary and len(word) > 1 and _is_written_as_a_name(word)


def _begins(sentence: Sequence[str], at: int) -> bool:
    """Whether a word begins a sentence, and has its capital from there."""
    return at == 0 or not (sentence[at - 1][0].isalnum() or sentence[at - 1] in (",", "(", "-"))


def _begins_step(sentence: Sequence[str], at: int) -> bool:
    """Behind the number of a step an imperative follows: "3. Unmute Kevin"."""
    return at >= 2 and sentence[at - 1] in (".", ")", ":") and sentence[at - 2].isdigit()


def _is_nobodys_word(word: str) -> bool:
    """Whether no language of the lists has a word that could begin a sentence: Tarık, Obiageli, Chihiro; not Unmute,
    nor Payee, of which there are payees.
    """
    lower = word.casefold()
    is_verb = english_verb(lower) or lower in ENGLISH_STEP_VERBS or indonesian_verb(lower) or _is_a_verb_again(lower)
    seldom = zipf(lower, ("en", "id")) < NOBODYS_WORD_BELOW
    is_short = len(word) < LEAST_LETTERS
    return seldom and not is_verb and not is_short and not _has_forms(lower) and _is_written_as_a_name(word)


def _is_a_verb_again(lower: str) -> bool:
    """Remap, unmute: a prefix of verbs with a word behind it."""
    return any(
        lower.startswith(start)
        and len(lower) >= len(start) + letters
        and zipf(lower[len(start) :], ("en", "id")) >= KNOWN_FROM
        for start, letters in VERB_STARTS.items()
    )


def _has_forms(lower: str) -> bool:
    """Whether the lists have a word's plural, past, gerund or passive: nudged, payees, ditegur."""
    english, indonesian = frequencies("en"), frequencies("id")
    return (
        (lower.endswith("s") and zipf(lower[:-1], ("en",)) >= KNOWN_FROM)
        or any(zipf(lower + ending, ("en",)) >= FORM_FROM for ending in ENGLISH_INFLECTIONS)
        or lower[:-1] + "ing" in english
        or lower + lower[-1] + "ing" in english
        or f"di{lower}" in indonesian
        or any(lower + ending in indonesian for ending in INDONESIAN_ENDINGS)
        or is_form(lower, "en")
        or is_form(lower, "id")
    )


def _is_written_as_a_name(word: str) -> bool:
    return all(part[1:] == part[1:].lower() for part in re.split(r"[-'’.]", word))
