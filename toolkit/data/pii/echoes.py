"""Where what was found in one place of a row stands again: a name without the words around it that gave it away, a
number written with other separators, a handle without its @.
"""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

from toolkit.data.pii.features import listed
from toolkit.data.pii.lexicon import ADDRESS_CUES, BEFORE_NAMES, NEVER_PERSONAL, TITLES
from toolkit.data.pii.spans import Span

BETWEEN_DIGITS = r"[ .\-/()\u2010-\u2013\u00a0]{0,2}"
NO_SEPARATORS = str.maketrans("", "", " .-/()")  # the ASCII ones of them
LEAST_PART = 3  # letters of a part of a name that is looked for by itself
LEAST_DIGITS = 4  # of a number that is looked for without the word that announced it
WRITTEN_AS_NUMBERS = frozenset({"card", "iban", "nik", "npwp", "ssn", "passport", "licence", "account", "phone"})


def echoes(text: str, kind: str, key: str, surface: str) -> list[Span]:
    """Spans of the text that are the same person, address or number; `surface`: as it was written elsewhere."""
    if text.isascii() and surface.isascii() and not _may_hold(text, kind, key, surface):
        return []
    return [
        Span(match.start(), match.end(), kind, key)
        for pattern in _patterns(kind, key, surface)
        for match in pattern.finditer(text)
    ]


def _may_hold(text: str, kind: str, key: str, surface: str) -> bool:
    """False where plain ASCII holds no part of it in any writing, for which no pattern has to be made."""
    lower = text.lower()
    if kind in WRITTEN_AS_NUMBERS:  # as people of its country write it, a number ends in the same digits
        bare = lower.translate(NO_SEPARATORS)
        return any(form[-LEAST_DIGITS:].lower() in bare for form in _bare(key, surface))
    return any(word in lower for word in ((key,) if kind == "handle" else surface.lower().split()))


def _bare(key: str, surface: str) -> set[str]:
    return {re.sub(r"[^\w]", "", surface), re.sub(r"[^\w]", "", key)}


@lru_cache(maxsize=4_096)
def _patterns(kind: str, key: str, surface: str) -> tuple[re.Pattern[str], ...]:
    if kind == "name":
        return _of_name(surface)
    if kind in WRITTEN_AS_NUMBERS:
        forms = _bare(key, surface)
        forms |= _national(key) if kind == "phone" and key.startswith("+") else set()
        long_enough = sorted((form for form in forms if len(form) >= LEAST_DIGITS), key=lambda form: (-len(form), form))
        return tuple(_bounded(BETWEEN_DIGITS.join(form), re.IGNORECASE) for form in long_enough)
    if kind == "handle":
        is_a_word = key.isalpha() and "c" in listed(key)
        return (_bounded(("@" if is_a_word else "@?") + re.escape(key), re.IGNORECASE),)
    return (_bounded(r"\s+".join(map(re.escape, surface.split())), re.IGNORECASE),)


def _of_name(surface: str) -> tuple[re.Pattern[str], ...]:
    words = surface.split()
    whole = r"\s+".join(map(re.escape, words))
    if len(words) == 1:
        return (_bounded(whole, 0 if "c" in listed(surface) else re.IGNORECASE),)
    parts = sorted({word for word in words if _stands_for_the_name(word)}, key=lambda word: (-len(word), word))
    return (_bounded(whole, re.IGNORECASE), *(_bounded(re.escape(part), 0) for part in parts))


def _stands_for_the_name(word: str) -> bool:
    """Whether a part of a name is nobody's word: Walker may go for a walk, Okonkwo is a person."""
    lower = word.casefold().rstrip(".")
    is_ordinary = "c" in listed(word) or lower in NEVER_PERSONAL | TITLES | BEFORE_NAMES | ADDRESS_CUES
    return len(word) >= LEAST_PART and word[0].isupper() and not is_ordinary


def _bounded(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@]){pattern}(?!\w)", flags)


def _national(key: str) -> set[str]:
    """The digits of a number in E.164 as people of its country write them."""
    try:
        number = phonenumbers.parse(key)
    except phonenumbers.NumberParseException:
        return set()
    return {re.sub(r"\D", "", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))}
