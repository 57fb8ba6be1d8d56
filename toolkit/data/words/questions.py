"""Titles of sections as questions: the rule by which "Change the Wi-Fi password" is asked for.

English and Indonesian; German, Spanish, French, Portuguese and Japanese are `titles_elsewhere`'s. In other languages
only a title that already is a question is taken.
"""

from __future__ import annotations

import re

from toolkit.data.words.task_words import (
    ENGLISH_NOUN_HEADS,
    ENGLISH_NOUN_VERBS,
    ENGLISH_VERBS,
    INDONESIAN_FORMS,
    INDONESIAN_IMPERATIVES,
    INDONESIAN_NOT_VERBS,
    INDONESIAN_PLAIN_VERBS,
    words,
)
from toolkit.data.words.titles_elsewhere import ASK

VOWELS = "aeiou"
MOST_TITLE_WORDS = 16
FINITE = words(
    "is are was were requires require means can cannot will does has had should must may might makes gives causes"
)
UNFINISHED = words("with to for of from by and or the a an your this that")
NEEDS_AN_OBJECT = words("set setting put putting bring bringing take taking make making hold holding")
PARTICLES = words("in out on off up down over back again it them this that")
# Questions that numbered steps do not answer. "What is the best way to ..." and the like stay.
NOT_ABOUT_DOING = re.compile(
    r"^(what('s| is| are)\s+(?!.*\b(way|ways|procedure|process|steps|method|correct|best|right)\b)|why\b|who\b|"
    r"how (?:does|is|are|did|do(?! (?:i|you|we|one)\b))\b|"
    r"apa itu\b|apakah itu\b|mengapa\b|kenapa\b|siapa\b)",
    re.IGNORECASE,
)


def ask(title: str, language: str) -> str | None:
    """The question that a title stands for, or None if it names no task. `language`: a two-letter code, "" taken for
    English.
    """
    text = " ".join(title.split()).strip()
    text = re.sub(r"\s+\?", "?", text)
    text = re.sub(r"^\d+(\.\d+)*[.)]?\s+(?=\S)", "", text)  # "3.2 Change the PIN"
    if text.endswith(("?", "？")):
        return None if NOT_ABOUT_DOING.match(text) else text[0].upper() + text[1:]
    text = text.rstrip(" .:;,…。：")
    if not text:
        return None
    code = language.lower().split("-")[0].split("_")[0]
    if code in {"", "en"}:
        return _ask_english(text)
    if code == "id":
        return _ask_indonesian(text)
    return ASK[code](text) if code in ASK else None


def is_asked_in(language: str) -> bool:
    """Whether titles in a language are turned into questions."""
    return language in {"", "en", "id", *ASK}


def _ask_english(text: str) -> str | None:
    if re.match(r"(how|where|when) (do|can|should|must|could) (i|you|we)\b|what should i\b", text, re.IGNORECASE):
        return text[0].upper() + text[1:] + "?"
    text = re.sub(r"^(or|and|how)?\s*to\s+", "", text, count=1, flags=re.IGNORECASE)
    spoken = text.split()
    for at in range(min(2, len(spoken))):
        verb = english_verb(spoken[at])
        adverb_before = at == 1 and spoken[0].lower().endswith("ly")
        if verb and (at == 0 or adverb_before) and not _is_name_like(spoken[at:]) and not _is_sentence(spoken[at:]):
            rest = [*(word.lower() for word in spoken[:at]), verb, *_first_person(spoken[at + 1 :])]
            return f"How do I {' '.join(rest)}?"
    return None


def _is_sentence(parts: list[str]) -> bool:
    """ "Editing such data requires that ..." says something, "Fill with" is not finished."""
    if len(parts) > 1 and parts[1].startswith("("):
        return True  # "Install (apt install ...)": what?
    says = parts[0].lower() in GERUNDS and any(word.lower() in FINITE for word in parts[1:])
    return says or len(parts) > MOST_TITLE_WORDS or parts[-1].lower() in UNFINISHED or ". " in " ".join(parts)


def english_verb(word: str) -> str | None:
    """The base form of a listed verb given as base or gerund ("setting" -> "set"); None for any other word."""
    lower = word.lower()
    return lower if lower in ENGLISH_VERBS else GERUNDS.get(lower)


def _gerund(verb: str) -> str:
    if verb.endswith("e") and not verb.endswith(("ee", "ye", "oe")):
        return f"{verb[:-1]}ing"
    doubles = re.search(r"[^aeiou][aeiou][bdglmnprt]$", verb) or re.search(r"qu[aeiou]t$", verb)
    # Two-syllable verbs double only where the stress is on the last syllable.
    if doubles and (
        len(re.findall(r"[aeiouy]+", verb)) == 1
        or verb
        in {"forget", "submit", "permit", "prefer", "begin", "unplug", "unpin", "unzip", "control", "cancel", "reset"}
    ):
        return f"{verb}{verb[-1]}ing"
    return f"{verb}ing"


GERUNDS = {_gerund(verb): verb for verb in sorted(ENGLISH_VERBS)} | {
    "canceling": "cancel",
    "travelling": "travel",
    "labelling": "label",
}


def _is_name_like(parts: list[str]) -> bool:
    """A lone word, or a verb that is the first half of a name: "Print quality", "Search results", "Working hours"."""
    if len(parts) != 2:
        return len(parts) < 2
    if parts[0].lower() in NEEDS_AN_OBJECT and parts[1].lower() in PARTICLES:
        return True  # "Setting up": what?
    second = parts[1].lower().replace("(", "").replace(")", "")
    is_compound = parts[0].lower() in ENGLISH_NOUN_VERBS and not second.endswith("s") and second.isalpha()
    return second in ENGLISH_NOUN_HEADS or (is_compound and second not in PARTICLES)


def _first_person(parts: list[str]) -> list[str]:
    """ "your network" is "my network" in the mouth of the one who asks."""
    swap = {"your": "my", "yours": "mine", "yourself": "myself"}
    spoken = []
    for at, word in enumerate(parts):
        core = word.lower()
        if core == "you":
            object_of = at == len(parts) - 1 or (
                at > 0 and parts[at - 1].lower() in {"to", "for", "with", "from", "by", "of", "let"}
            )
            spoken.append("me" if object_of else "I")
        else:
            spoken.append(swap.get(core, word))
    return spoken


def _ask_indonesian(text: str) -> str | None:
    if re.match(r"(bagaimana|di ?mana|kapan|apa yang harus|apakah saya)\b", text, re.IGNORECASE):
        text = re.sub(r"^bagaimana (?=me|ber)", "Bagaimana cara ", text, flags=re.IGNORECASE)
        return text[0].upper() + text[1:] + "?"
    text = re.sub(r"^(atau )?(untuk|cara|langkah(-langkah)?( untuk)?)\s+", "", text, count=1, flags=re.IGNORECASE)
    first, _, rest = text.partition(" ")
    verb = indonesian_verb(first)
    if verb is None or not rest:
        return None
    rest = re.sub(r"\bAnda\b", "saya", rest)
    rest = re.sub(
        r"^((?:\S+ ){0,2}(?:atau|dan)) (\w+)", lambda match: f"{match[1]} {indonesian_verb(match[2]) or match[2]}", rest
    )
    return f"Bagaimana cara {verb} {rest}?"


def indonesian_verb(word: str) -> str | None:
    """The active form that follows "cara": "ubah" and "mengubah" -> "mengubah"; None for what is no listed verb."""
    lower = word.lower()
    if lower in INDONESIAN_PLAIN_VERBS:
        return lower
    if lower in INDONESIAN_IMPERATIVES:
        return INDONESIAN_FORMS.get(lower) or active_form(lower)
    if lower in INDONESIAN_NOT_VERBS or not lower.isalpha():
        return None
    looks_active = re.match(r"(mem[bfvp]|men[dcjstz]|meng[aeiouhgkx]|meny[aeiou]|me[lmnrwy][aeiou])[a-z]{2,}", lower)
    return lower if looks_active and lower not in ENGLISH_VERBS else None


def active_form(stem: str) -> str:
    """meN- before a stem: the nasal follows the first letter, and k, p, s, t fall away before a vowel."""
    first, second = stem[0], stem[1]
    if first in "kpst" and second in VOWELS:
        return {"k": "meng", "p": "mem", "s": "meny", "t": "men"}[first] + stem[1:]
    if first in VOWELS or first in "ghk":
        return f"meng{stem}"
    if first in "bfvp":
        return f"mem{stem}"
    return f"men{stem}" if first in "cdjzts" else f"me{stem}"
