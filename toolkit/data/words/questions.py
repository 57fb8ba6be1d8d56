"""Titles of sections as questions: the rule by which "Change the Wi-Fi password" is asked for.

English and Indonesian; German, Spanish, French, Portuguese and Japanese are `titles_elsewhere`'s. In other languages
only a title that already is a question is taken.
"""

from __future__ import annotations

import re

from toolkit.data.words.task_words import (
    ENGLISH_NOUN_HEADS,
    ENGLISH_NOUN_VERBS,
    ENGLISH_STEP_VERBS,
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
DETERMINERS = words("a an the your my this several multiple")
# "Putting it all together": what?
SAYS_NOT_WHAT = frozenset({"it all together", "it together", "everything together", "it all"})
PARTICLES = words("in out on off up down over back again it them this that")
# Questions that numbered steps do not answer. "What is the best way to ..." and the like stay.
NOT_ABOUT_DOING = re.compile(
    r"^(what('s| is| are)\s+(?!.*\b(way|ways|procedure|process|steps|method|correct|best|right)\b)|why\b|who\b|"
    r"(?:what|which)\s+(?!(?:should|can|could|must|do|would|to|if)\b|(?:\w+\s+){0,2}(?:ways?|procedures?|process|steps?"
    r"|methods?)\b)(?:\w+\s+){1,4}"
    r"(?:is|are|does|do(?! (?:i|you|we|one)\b))\b|"
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


# "A step-by-step example showing how to recover shadows", "Steps to enable updates".
ANNOUNCES = re.compile(
    r"(?:(?:[\w-]+\s+){0,4}(?:examples?|tutorials?|guides?|instructions?|walk-?throughs?|explanations?|demonstrations?"
    r"|lessons?|tips|procedures?|steps|directions)\b(?:\s+[\w-]+){0,4}?\s+how to"
    r"|(?:the )?(?:steps|instructions|procedures?|directions|guide|tutorial) (?:to|for))\s+(?=\w)",
    re.IGNORECASE,
)


def _ask_english(text: str) -> str | None:
    text = ANNOUNCES.sub("", text, count=1) if ANNOUNCES.match(text) else text
    if re.match(r"(how|where|when) (do|can|should|must|could) (i|you|we)\b|what should i\b", text, re.IGNORECASE):
        return text[0].upper() + text[1:] + "?"
    text, announced = re.subn(r"^(?:how|where) to\s+", "", text, count=1, flags=re.IGNORECASE)
    text = re.sub(r"^(or|and)?\s*to\s+", "", text, count=1, flags=re.IGNORECASE)
    spoken = text.split()
    if announced and len(spoken) > 1 and spoken[0].isalpha() and not english_verb(spoken[0]):
        return f"How do I {' '.join([spoken[0].lower(), *_first_person(spoken[1:])])}?"  # what follows is a verb
    for at in range(min(2, len(spoken))):
        verb = english_verb(spoken[at]) or (
            _verb_of_steps(spoken[at]) if _is_followed_by_a_thing(spoken[at:]) else None
        )
        adverb_before = at == 1 and spoken[0].lower().endswith("ly")
        if verb and (at == 0 or adverb_before) and not _is_name_like(spoken[at:]) and not _is_sentence(spoken[at:]):
            rest = [*(word.lower() for word in spoken[:at]), verb, *_first_person(_with_second_verb(spoken[at + 1 :]))]
            return f"How do I {' '.join(rest)}?"
    return None


def _with_second_verb(parts: list[str]) -> list[str]:
    """What follows the verb; "or deleting entries", behind "editing", is "or delete entries"."""
    second = english_verb(parts[1]) if len(parts) > 1 and parts[0].lower() in ("and", "or") else None
    return [parts[0].lower(), second, *parts[2:]] if second else parts


def _is_followed_by_a_thing(parts: list[str]) -> bool:
    """Whether an object with its article comes next, if only after a particle: "bringing out the details"."""
    at = 2 if len(parts) > 1 and parts[1].lower() in PARTICLES else 1
    return len(parts) > at + 1 and parts[at].lower() in DETERMINERS


def _verb_of_steps(word: str) -> str | None:
    """The base form of a verb that titles seldom hold: "Executing a script"."""
    return word.lower() if word.lower() in TITLE_STEP_VERBS else STEP_GERUNDS.get(word.lower())


def _is_sentence(parts: list[str]) -> bool:
    """ "Editing such data requires that ..." says something, "Fill with" is not finished."""
    if len(parts) > 1 and parts[1].startswith("("):
        return True  # "Install (apt install ...)": what?
    if any(part.endswith(":") for part in parts[:2]):
        return True  # "Use case: a slow disk" names a case
    if len(parts) > 1 and parts[1].lower() in ("example", "examples"):
        return True  # "Using example for the editor"
    if "the following" in " ".join(parts).lower():
        return True  # what follows stands elsewhere
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


# Without those that are nouns, or no task, as often: "Note the date" is none, "Outline a layer" is one.
TITLE_STEP_VERBS = ENGLISH_STEP_VERBS - words(
    "be do let look note say see think try wait go keep point mark light lay lean learn"
)
STEP_GERUNDS = {_gerund(verb): verb for verb in sorted(TITLE_STEP_VERBS)}


def _is_name_like(parts: list[str]) -> bool:
    """A lone word, or a verb that is the first half of a name: "Print quality", "Search results", "Working hours"."""
    if " ".join(parts[1:]).lower() in SAYS_NOT_WHAT:
        return True
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
