"""The rules that a row must meet: a question that asks, steps that instruct, the language it says, no placeholder, no
refusal.

Each can be switched off by name. What cannot be judged (instructing verbs in languages other than English and
Indonesian, a language outside the recipe's) passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from toolkit.data.rows import Row
from toolkit.data.words.questions import english_verb, indonesian_verb
from toolkit.data.words.task_words import INDONESIAN_IMPERATIVES, INDONESIAN_PLAIN_VERBS, words
from toolkit.options.data import RuleName, RuleOptions

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

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
REFUSAL = re.compile(
    r"\bas an ai\b|\b(ai|large) language model\b|\bi('m| am) (sorry|unable|not able)\b|\bi (cannot|can't|can not|won't)"
    r" (help|assist|provide|do|answer|fulfil)|"
    r"\bsebagai (model bahasa|ai|asisten ai)\b|\bmaaf,? (saya|aku|kami)\b|\bsaya tidak (dapat|bisa)"
    r" (membantu|memberikan|menjawab)\b",
    re.IGNORECASE,
)
# Imperatives of everyday tasks that the titles of manuals, which the word lists come from, seldom hold.
MORE_IMPERATIVES = words(
    "be do let look press tap swipe type click hold keep note repeat try wait go follow say have take make use put give"
    " read run see think start stop leave return continue proceed ensure visit log sign scroll stay speak bring choose"
    " pull push point pour mix stir rinse dry fold lift lower slide twist tighten loosen wear aim"
)
INDONESIAN_MORE = words(
    "klik kunjungi ketuk tap ketik geser tekan tunggu ulangi lanjutkan pastikan ikuti sentuh usap gulir tahan bawa"
    " ambil jangan coba perhatikan ingat biarkan kembali lakukan"
)
LEAST_INSTRUCTING = 0.5
OTHER_LANGUAGE_SURE = 0.95
SAME_LANGUAGE = {"ms": "id"}  # Malay and Indonesian are one to a classifier of short texts


def asks(row: Row) -> str:
    """A question, a wish, or a task in the imperative ("reset my PIN")."""
    first = row.prompt.split(maxsplit=1)[0].lower().strip(",.:!") if row.prompt.strip() else ""
    return "" if ASKING.search(row.prompt) or _is_imperative(first) else "the question does not ask"


def instructs(row: Row) -> str:
    language = _code(row)
    if language not in ("", "en", "id"):
        return ""
    steps = row.output.split("\n")
    instructing = sum(
        any(_is_imperative(word) for word in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)?", step.lower())) for step in steps
    )
    return "" if instructing >= LEAST_INSTRUCTING * len(steps) else "the steps do not instruct"


@cache
def _is_imperative(word: str) -> bool:
    english = english_verb(word) == word or word in MORE_IMPERATIVES
    indonesian = word in INDONESIAN_IMPERATIVES or word in INDONESIAN_PLAIN_VERBS or word in INDONESIAN_MORE
    return (
        english
        or indonesian
        or word.removesuffix("kan") in INDONESIAN_MORE
        or bool(word.endswith("lah") and indonesian_verb(word[:-3]))
    )


def has_no_placeholder(row: Row) -> str:
    found = PLACEHOLDER.search(f"{row.prompt}\n{row.output}")
    return f"a placeholder was left: {found.group()[:40]!r}" if found else ""


def does_not_refuse(row: Row) -> str:
    return "the answer refuses" if REFUSAL.search(row.output) else ""


RULES: dict[RuleName, Callable[[Row], str]] = {
    "asks": asks,
    "instructs": instructs,
    "placeholder": has_no_placeholder,
    "refusal": does_not_refuse,
}


def broken_rule(row: Row, options: RuleOptions) -> str:
    """The reason of the first of the rules that a row breaks, or ""."""
    for name in options.rules:
        if reason := speaks_as_asked(row, options.languages) if name == "language" else RULES[name](row):
            return reason
    return ""


def speaks_as_asked(row: Row, languages: tuple[str, ...]) -> str:
    """Whether question and steps are in the language that the row names, as far as a classifier of the recipe's
    languages is sure.
    """
    language = _code(row)
    if language not in languages or len(languages) < 2:
        return ""
    shares: dict[str, float] = {}
    for name, share in _identifier(languages).rank(f"{row.prompt} {row.output}"):
        shares[SAME_LANGUAGE.get(name, name)] = shares.get(SAME_LANGUAGE.get(name, name), 0.0) + float(share)
    found, sure = max(shares.items(), key=lambda item: item[1])
    if found == language or sure < OTHER_LANGUAGE_SURE:
        return ""
    return f"the text is in another language than it says: {found} instead of {language}"


@cache
def _identifier(languages: tuple[str, ...]) -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    more = [other for other, own in SAME_LANGUAGE.items() if own in languages]
    identifier.set_languages([*languages, *more])
    return identifier


def _code(row: Row) -> str:
    return row.meta.get("language", "").replace("_", "-").split("-")[0].lower()
