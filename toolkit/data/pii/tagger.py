"""Names and addresses by a linear-chain CRF (python-crfsuite) over words: the one part of anonymising that is learnt.

`scripts/train_pii.py` makes the model and the list of names in this folder, from generated templates alone. Lines
without anything like a name or an address are not tagged at all; that is where the speed comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pycrfsuite

from toolkit.data.pii.features import TOKEN, features, is_suspicious, listed, resource
from toolkit.data.pii.lexicon import ADDRESS_CUES, BEFORE_NAMES, NEVER_PERSONAL, TITLES
from toolkit.data.pii.spans import Span
from toolkit.data.pii.whole_names import by_words_alone, whole_name

NOT_AT_THE_START = TITLES | BEFORE_NAMES
IDENTIFIER = re.compile(r"[a-z][A-Z]|[A-Z]{2,}[a-z]")  # DateSerial, WebDAV
MIXED_NAME = re.compile(r"(?:Ma?c|D[aeiu]|L[aeo]|O|Fitz|V[ao]n)[A-Z]")
NOT_IN_NAMES = frozenset("=[]{}<>|;*%_~^$")
MODEL_FILE = "names.crfsuite"
# Probability from which a span goes to the review queue, and from which it is masked.
UNSURE_FROM, SURE_FROM = 0.25, 0.5
SURE_WHEN_ORDINARY = 0.82
SURE_WHEN_SINGLE = 0.9
SURE_WHEN_UNKNOWN = 0.75  # the same for a name of which no word is on the list of names
NOTHING_BUT_A_NAME = 0.05  # probability from which a word that is on the list of names alone is one
SURE_WITHOUT_CUE = 0.9  # an address without a word of addresses
MOST_NUMBERS = 2  # numbers for each word of an address: 4,1,2,3 is a printing order
MOST_TOKENS = 400  # a longer run of lines is tagged in pieces


def find_names_and_addresses(text: str, kinds: frozenset[str]) -> list[Span]:
    """Spans of kind name and address with their probability, UNSURE_FROM or more, in order."""
    return [
        span
        for tokens in _worth_tagging(text)
        for span in _tag(text, tokens)
        if span.kind in kinds and span.score >= UNSURE_FROM
    ]


def _worth_tagging(text: str) -> Iterator[list[re.Match[str]]]:
    """Runs of neighbouring lines that each hold something like a name or an address."""
    run: list[re.Match[str]] = []
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        if _has_worthy_words(TOKEN.findall(line)):
            tokens = list(TOKEN.finditer(text, start, min(end + 1, len(text))))  # with the line's end
            for first in range(0, len(tokens), MOST_TOKENS):
                if len(run) > MOST_TOKENS:
                    yield run
                    run = []
                run += tokens[first : first + MOST_TOKENS]
        elif run:
            yield run
            run = []
        start = end + 1
    if run:
        yield run


def _has_worthy_words(words: list[str]) -> bool:
    if any(map(is_suspicious, words)):
        return True
    return not ADDRESS_CUES.isdisjoint(map(str.casefold, words)) and any(word[0].isdigit() for word in words)


def _tag(text: str, tokens: list[re.Match[str]]) -> Iterator[Span]:
    words = [token.group() for token in tokens]
    tagger = _tagger()
    tagger.set(features(words))
    told = by_words_alone(words, tokens)
    labels = [_or_name(label, words, tagger, at, told) for at, label in enumerate(tagger.tag())]
    for first, last, kind in _stretches(labels, tokens):
        first, last = _trimmed(words, first, last)
        if first <= last and _is_personal(words[first : last + 1], kind):
            start, end = tokens[first].start(), tokens[last].end()
            score = sum(_probability(tagger, kind, at) for at in range(first, last + 1)) / (last + 1 - first)
            is_sure = score >= (_sure_of_name if kind == "name" else _sure_of_address)(words[first : last + 1])
            is_sure = is_sure or not told.isdisjoint(range(first, last + 1))
            if is_sure and kind == "name":
                first, last = whole_name(words, tokens, first, last)
                start, end = tokens[first].start(), tokens[last].end()
            # What is unsure goes to the review queue: as likely the name of a product, or the first word of a sentence.
            score = max(score, SURE_FROM) if is_sure else min(score, SURE_FROM - 0.01)
            yield Span(start, end, kind, " ".join(text[start:end].casefold().split()), round(score, 3))


def _or_name(label: str, words: list[str], tagger: pycrfsuite.Tagger, at: int, told: frozenset[int]) -> str:
    """The label, or that of a name where the model left out a word that the words beside it say to be one (`told`), or
    one that is nothing but a name and on which the model would not bet.

    Not behind the number of a step, where an imperative follows: "3. Peck in the password".
    """
    if label == "O" and at in told:
        return "I-name"
    is_left_out = label == "O" and words[at][0].isupper() and listed(words[at]) == "n" and not _begins_step(words, at)
    return "B-name" if is_left_out and _probability(tagger, "name", at) >= NOTHING_BUT_A_NAME else label


def _begins_step(words: list[str], at: int) -> bool:
    return at >= 2 and words[at - 1] == "." and words[at - 2].isdigit()


def _probability(tagger: pycrfsuite.Tagger, kind: str, at: int) -> float:
    """That the word is the first or a further one of the kind."""
    return float(tagger.marginal(f"B-{kind}", at) + tagger.marginal(f"I-{kind}", at))


def _sure_of_name(words: list[str]) -> float:
    """How sure the model must be of a name: surer of one that no list knows, and surest of a single word."""
    lists = [listed(word) for word in words if word[0].isalpha()]
    if all(known == "n" for known in lists):
        return NOTHING_BUT_A_NAME
    if len(lists) == 1 and "n" in lists[0] and "c" in lists[0]:
        return SURE_WHEN_ORDINARY
    if len(lists) == 1 and "n" not in lists[0]:
        return SURE_WHEN_SINGLE
    return SURE_WHEN_UNKNOWN if not any("n" in known for known in lists) else SURE_FROM


def _sure_of_address(words: list[str]) -> float:
    """Surer of one without a word that makes an address: a heading with its number looks the same."""
    return SURE_FROM if any({"a", "s"} & set(listed(word)) for word in words) else SURE_WITHOUT_CUE


def _stretches(labels: list[str], tokens: list[re.Match[str]]) -> Iterator[tuple[int, int, str]]:
    """(first, last, kind) of each run of labels that belong together; two names with nothing but a space between are
    one.
    """
    start = 0
    for at, label in enumerate([*labels, "O"]):
        is_further = (
            at > 0
            and label[2:] == labels[at - 1][2:]
            and (label[0] == "I" or (label == "B-name" and tokens[at].start() == tokens[at - 1].end() + 1))
        )
        if not is_further:
            if at > start and labels[start] != "O":
                yield start, at - 1, labels[start][2:]
            start = at


def _trimmed(words: list[str], first: int, last: int) -> tuple[int, int]:
    """Without punctuation, titles, words before names and line ends at the edges, and without what "Kevin said" behind
    his name.
    """
    while first <= last and (not words[first][0].isalnum() or words[first].casefold().rstrip(".") in NOT_AT_THE_START):
        first += 1
    while first <= last and (
        not words[last][0].isalnum()
        or (words[last].islower() and words[first][0].isupper() and "c" in listed(words[last]))
    ):
        last -= 1
    return first, last


def _is_personal(words: list[str], kind: str) -> bool:
    """Placeholders, brands, places and words of interfaces are nobody's name; an address needs a number or a word of
    addresses.
    """
    if any((word.startswith("[") and len(word) > 1) or word in NOT_IN_NAMES for word in words):
        return False
    letters = [word.casefold() for word in words if word[0].isalpha()]
    if kind == "name" and any(
        IDENTIFIER.search(word) and not MIXED_NAME.match(word) and "n" not in listed(word) for word in words
    ):
        return False
    if kind == "name":
        return any(len(word) > 1 for word in letters) and not all(
            word in NEVER_PERSONAL and "n" not in listed(word) for word in letters
        )
    numbers = sum(word[0].isdigit() for word in words)
    is_address = bool(numbers) and any(
        (len(word) > 2 and word[0].isupper() and word[1:].islower()) or {"a", "s"} & set(listed(word)) for word in words
    )
    return numbers <= MOST_NUMBERS * len(letters) and is_address and not all(word in NEVER_PERSONAL for word in letters)


@cache
def _tagger() -> pycrfsuite.Tagger:
    tagger = pycrfsuite.Tagger()
    tagger.open(str(resource(MODEL_FILE)))
    return tagger
