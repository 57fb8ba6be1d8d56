"""In which language a text is, and which languages the stages know.

What depends on a language (names and addresses, the rules on questions and steps, typing errors, opposites) works in
those that it knows and steps aside elsewhere: a German text masked by a model of English loses every second noun.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from toolkit.data.words.task_words import words

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

KNOWN = frozenset({"en", "id"})  # of the models and word lists of data-build
SAME_LANGUAGE = {"ms": "id"}  # Malay and Indonesian are one to a classifier of short texts
# Among all that the classifier knows, Latin, Luxembourgish and the like win every second short line of English.
CANDIDATES = tuple(
    sorted(words("en id ms de fr es pt it nl pl cs tr sv da no fi hu ro vi ca ru uk el ar fa he hi th ja ko zh"))
)
NO_WORDS = re.compile(r"\[[A-Z]+_\d+\]|https?://\S+|\S*\d\S*")  # placeholders, addresses, numbers: in every language
# Words that no other of CANDIDATES (but Malay) has; in, an, is, of, to are Dutch, German or Polish as well.
SMALL_WORDS = {
    "en": words("the and you your this that with from which when into are not can if then how should"),
    "id": words("yang dan atau untuk dengan pada anda ini itu akan tidak adalah dalam jika saat lalu kemudian oleh"),
}
PLAIN_FROM, PLAIN_WORDS = 0.12, 3  # share of a text's words, and how many different ones
SURE_FROM = 0.9
ENOUGH_CHARS = 400  # of a text, to tell its language by


def code_of(language: str) -> str:
    """A tag as its first part: "en-GB" and "en_US" are "en"."""
    code = language.replace("_", "-").split("-")[0].strip().lower()
    return SAME_LANGUAGE.get(code, code)


def language_of(declared: str, text: str) -> str:
    """The language that a row or its source declares, else the one that its text seems to be in; "" for a text without
    words.
    """
    return code_of(declared) or detected(text[:ENOUGH_CHARS])


def plainly(text: str) -> str:
    """One of KNOWN where small words of it alone leave no doubt, else ""; a tenth of what the classifier takes."""
    found = text.lower().split()
    for language, small in SMALL_WORDS.items():
        shared = [word for word in found if word in small]
        if len(shared) >= PLAIN_FROM * len(found) and len(set(shared)) >= PLAIN_WORDS:
            return language
    return ""


def detected(text: str) -> str:
    """The likeliest of CANDIDATES."""
    if language := plainly(text):
        return language
    text = NO_WORDS.sub(" ", text)
    if not any(character.isalpha() for character in text):
        return ""
    return code_of(str(identifier(CANDIDATES).classify(text)[0]))


def surely(text: str) -> str:
    """The language of a text where the classifier is sure of one of CANDIDATES, else ""."""
    found, share = identifier(CANDIDATES).classify(text[:ENOUGH_CHARS])
    return code_of(str(found)) if share >= SURE_FROM else ""


@cache
def identifier(languages: tuple[str, ...]) -> LanguageIdentifier:
    """A classifier that decides between these languages (py3langid, BSD licence)."""
    from py3langid.langid import MODEL_FILE

    from toolkit.data.words.quick_identifier import QuickIdentifier

    chosen: LanguageIdentifier = QuickIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    chosen.set_languages(list(languages))
    return chosen
