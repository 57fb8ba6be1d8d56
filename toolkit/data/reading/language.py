"""Whether a document is in the language it declares: translated manuals leave pages and steps in English.

Counts frequent function words of English and Indonesian, nothing else; other languages pass unchecked.
"""

from __future__ import annotations

import re

from toolkit.data.words.task_words import words

FUNCTION_WORDS = {
    "en": words(
        "the a an and or of to in on for with you your is are be it this that if when from by can will not at as do"
        " does have which into"
    ),
    "id": words(
        "yang dan atau di ke dari untuk dengan pada anda ini itu akan tidak adalah dalam jika bila saat lalu kemudian"
        " dapat oleh suatu sebuah agar secara sebagai"
    ),
}
CLEARLY_OTHER = 2  # function words of the other language in a text without one of its own


def is_in_language(question: str, steps: list[str], language: str) -> bool:
    """False if the question or a step has function words of the other of the two languages and none of its own."""
    if language not in FUNCTION_WORDS:
        return True
    own, other = FUNCTION_WORDS[language], FUNCTION_WORDS["id" if language == "en" else "en"]
    return not any(_is_other(text, own, other) for text in (question, *steps))


def _is_other(text: str, own: frozenset[str], other: frozenset[str]) -> bool:
    found = re.findall(r"[a-z]+", text.lower())
    return sum(word in other for word in found) >= CLEARLY_OTHER and not any(word in own for word in found)
