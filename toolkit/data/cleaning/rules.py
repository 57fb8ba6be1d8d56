"""The rules that a row must meet: a question that asks, steps that instruct, the language it says, no placeholder, no
refusal.

Each can be switched off by name. What cannot be judged passes: questions and steps in languages other than English and
Indonesian (UNJUDGED says so), a language outside the recipe's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from toolkit.data.cleaning.row_language import row_language
from toolkit.data.rows import Row
from toolkit.data.words.languages import KNOWN, SAME_LANGUAGE, code_of, identifier, plainly
from toolkit.data.words.questions import english_verb, indonesian_verb
from toolkit.data.words.task_words import (
    ENGLISH_STEP_VERBS,
    INDONESIAN_IMPERATIVES,
    INDONESIAN_PLAIN_VERBS,
    INDONESIAN_STEP_VERBS,
)
from toolkit.options.data import RuleName, RuleOptions

ASKING = re.compile(
    r"\?|^(how|what|where|when|which|who|why|can|could|may|is|are|do|does|should|bagaimana|gimana|apa|apakah|di"
    r" ?mana|kapan|bisa|bisakah|boleh|cara)\b"
    r"|\b(how (do|can|to|should)|help me|tell me|show me|g(ive|im)\s?me|steps (to|for)|explain|i (want|need|would"
    r" like|have|can't|cannot|forgot|lost)|i'd like|my .{1,40} (won't|doesn't|isn't|is)|need to|"
    r"caranya|cara|tolong|mohon|bantu|saya (mau|ingin|perlu|lupa|tidak bisa)|aku (mau|ingin|lupa)|pengen|mau)\b",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(
    r"\[(insert|your|enter|add|name of|app"
    r" name|link|date|company|x+)\b[^\]]*\]|<(your|insert|enter|name|placeholder)\b[^>]*>|\{\{?[^{}]*\}\}?|"
    r"\blorem ipsum\b|\b(TODO|TBD|FIXME|XXX+)\b|\[(masukkan|nama|isi)\b(?!_)[^\]]*\]|^\d+\. (step|langkah)"
    r" (one|two|three|\d+|satu|dua)\.?$|^\d+\. \.{3,}$",
    re.IGNORECASE | re.MULTILINE,
)
REFUSES = (
    r"\bas an ai\b|\b(ai|large) language model\b|\bi (cannot|can['’]?t|can not|won['’]?t|am unable to|am not able to)"
    r" (help|assist|provide|do that|answer|fulfil)|\bi['’]m (unable|not able) to (help|assist|provide|answer|fulfil)|"
    r"\bsebagai (model bahasa|ai|asisten ai)\b|\b(saya|kami|aku) tidak (dapat|bisa) (membantu|memberikan|menjawab)\b"
)
REFUSAL_IN_QUESTION = re.compile(REFUSES, re.IGNORECASE)
# In an answer nobody is sorry but who gives none; people who ask are.
REFUSAL = re.compile(
    rf"{REFUSES}|\bi(['’]m| am) (sorry|unable|not able)\b"
    r"|\b(unfortunately|sorry),? i (cannot|can['’]?t|do not|don['’]?t)\b"
    r"|\bi (do not|don['’]?t) have (access|information|enough information)\b|\bi cannot\b|\bi apologi[sz]e\b|"
    r"\b(mohon )?maaf,? (saya|aku|kami)\b|\bsayangnya,? (saya|kami)\b",
    re.IGNORECASE,
)
# Not "visit the website" or "call the hotline", which are steps that people take.
SENDS_AWAY = re.compile(
    r"\b(contact|call|reach out to|get in touch with|e-?mail|consult|speak to)\b[^.\n]{0,40}"
    r"\b(support|customer (service|care)|help ?desk|service desk|administrator|manufacturer|professional)\b|"
    r"\b(hubungi|kontak)\b[^.\n]{0,40}"
    r"\b(layanan pelanggan|customer service|cs|dukungan|bantuan|admin|call cent(re|er)|pusat layanan)\b",
    re.IGNORECASE,
)
ASKS_FOR_SUPPORT = re.compile(
    r"\b(contact|call|reach|talk|speak|write|chat|e-?mail|complain|report|visit|support|hubungi|menghubungi|bicara|chat|"
    r"lapor|melapor|mengadu|layanan)\b",
    re.IGNORECASE,
)
WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
# What a text of plain ASCII must hold for the patterns to be worth a try, in small letters.
REFUSAL_CUES = (
    "as an ai",
    "language model",
    "i can",
    "i won",
    "i am",
    "i'm",
    "i do",
    "i apolog",
    "sebagai",
    "tidak",
    "maaf",
    "sayangnya",
)
SENDING_CUES = ("contact", "call", "reach out", "in touch", "mail", "consult", "speak to", "hubungi", "kontak")
PLACEHOLDER_CUES = ("[", "<", "{", "lorem", "todo", "tbd", "fixme", "xxx", ". step ", ". langkah ", ". ...")
SENT_AWAY_FROM = 0.5  # share of the steps that send to somebody else from which an answer is none
LEAST_INSTRUCTING = 0.5
OTHER_LANGUAGE_SURE = 0.95
NEEDS_THE_LANGUAGE: frozenset[RuleName] = frozenset({"asks", "instructs", "refusal"})
UNJUDGED = "question and steps were not judged, for the language is not known to the rules"


def asks(row: Row) -> str:
    """A question, a wish, or a task in the imperative ("reset my PIN")."""
    first = row.prompt.split(maxsplit=1)[0].lower().strip(",.:!") if row.prompt.strip() else ""
    return "" if ASKING.search(row.prompt) or _is_imperative(first) else "the question does not ask"


def instructs(row: Row) -> str:
    steps = row.output.lower().split("\n")
    needed = LEAST_INSTRUCTING * len(steps)
    instructing = 0
    for step in steps:
        instructing += any(map(_is_imperative, WORDS.findall(step)))
        if instructing >= needed:
            return ""
    return "the steps do not instruct"


@cache
def _is_imperative(word: str) -> bool:
    english = english_verb(word) == word or word in ENGLISH_STEP_VERBS
    indonesian = word in INDONESIAN_IMPERATIVES or word in INDONESIAN_PLAIN_VERBS or word in INDONESIAN_STEP_VERBS
    return (
        english
        or indonesian
        or word.removesuffix("kan") in INDONESIAN_STEP_VERBS
        or bool(word.endswith("lah") and indonesian_verb(word[:-3]))
    )


def has_no_placeholder(row: Row) -> str:
    found = _search(PLACEHOLDER, PLACEHOLDER_CUES, f"{row.prompt}\n{row.output}")
    return f"a placeholder was left: {found.group()[:40]!r}" if found else ""


def does_not_refuse(row: Row) -> str:
    """Neither a refusal on one of the two sides, nor an answer that sends the reader to somebody else."""
    if _search(REFUSAL_IN_QUESTION, REFUSAL_CUES, row.prompt):
        return "the question is a refusal"
    if _search(REFUSAL, REFUSAL_CUES, row.output):
        return "the answer refuses"
    if not _search(SENDS_AWAY, SENDING_CUES, row.output):  # it reaches over no line's end
        return ""
    steps = row.output.split("\n")
    sent_away = sum(bool(SENDS_AWAY.search(step)) for step in steps)
    is_none = sent_away >= SENT_AWAY_FROM * len(steps) and not ASKS_FOR_SUPPORT.search(row.prompt)
    return "the answer is no answer: it sends to somebody else" if is_none else ""


def _search(pattern: re.Pattern[str], cues: tuple[str, ...], text: str) -> re.Match[str] | None:
    """What the pattern finds, tried only where one of the cues that each of its alternatives holds is there."""
    if text.isascii():  # elsewhere letters of other alphabets count as those of the cues
        lower = text.lower()
        if not any(cue in lower for cue in cues):
            return None
    return pattern.search(text)


RULES: dict[RuleName, Callable[[Row], str]] = {
    "asks": asks,
    "instructs": instructs,
    "placeholder": has_no_placeholder,
    "refusal": does_not_refuse,
}


def broken_rule(row: Row, options: RuleOptions) -> str:
    """The reason of the first of the rules that a row breaks, or ""."""
    is_known = row_language(row) in KNOWN
    for name in options.rules:
        if not is_known and name in NEEDS_THE_LANGUAGE:
            continue
        if reason := speaks_as_asked(row, options.languages) if name == "language" else RULES[name](row):
            return reason
    return ""


def unjudged(row: Row, options: RuleOptions) -> str:
    """The note for a row that rules had to pass unjudged, or ""."""
    is_passed = row_language(row) not in KNOWN and not NEEDS_THE_LANGUAGE.isdisjoint(options.rules)
    return f"{UNJUDGED}: {row_language(row) or 'none'}" if is_passed else ""


def speaks_as_asked(row: Row, languages: tuple[str, ...]) -> str:
    """Whether question and steps are in the language that the row names, as far as a classifier of the recipe's
    languages is sure.
    """
    language = code_of(row.meta.get("language", ""))
    if language not in languages or len(languages) < 2:
        return ""
    if plainly(f"{row.prompt} {row.output}") == language:
        return ""
    shares: dict[str, float] = {}
    more = tuple(other for other, own in SAME_LANGUAGE.items() if own in languages)
    for name, share in identifier((*languages, *more)).rank(f"{row.prompt} {row.output}"):
        shares[SAME_LANGUAGE.get(name, name)] = shares.get(SAME_LANGUAGE.get(name, name), 0.0) + float(share)
    found, sure = max(shares.items(), key=lambda item: item[1])
    if found == language or sure < OTHER_LANGUAGE_SURE:
        return ""
    return f"the text is in another language than it says: {found} instead of {language}"
