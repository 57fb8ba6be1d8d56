"""Whether a step tells the reader to do something, and whether a title or caption says what is to be done at all."""

from __future__ import annotations

import re
from functools import lru_cache

from toolkit.data.words.questions import english_verb, indonesian_verb
from toolkit.data.words.task_words import (
    ENGLISH_STEP_VERBS,
    INDONESIAN_IMPERATIVES,
    INDONESIAN_PLAIN_VERBS,
    INDONESIAN_STEP_VERBS,
)

JUDGED = frozenset({"", "en", "id"})  # languages of which the verbs are known
LEAST_TELLING = 0.75
LEAST_TELLING_OF_PROCEDURES = 0.3  # where the format itself says that these are steps
FIRST_WORDS = re.compile(
    r"(?:\[?optional(?:ly)?\]?|first(?:ly)?(?: of all)?|second(?:ly)?|third(?:ly)?|then|next|now"
    r"|finally|lastly|again|also"
    r"|and|or|so|simply|just|please|alternatively|afterwards|after that|once more|carefully|gently|slowly|manually"
    r"|quickly|immediately|(?:initial|additional|gradual|subsequent)ly"
    r"|if necessary|if needed|where necessary|either|always|never|don't|do not"
    r"|you (?:can|should|must"
    r"|may|need to|have to|will need to|will have to|might want to|can now|can also|can even)|let(?:'s| us)"
    r"|be sure to|make sure to"
    r"|try to|remember to|be careful to|kemudian|lalu|selanjutnya|setelah itu|pertama|terakhir|silakan|silahkan|mohon"
    r"|tolong|anda (?:dapat|bisa|harus|perlu)|jangan lupa|jangan)\b[\s,:.)]*",
    re.IGNORECASE,
)
# "If the light blinks, press ...", "In the dialog, click ...", "To save, choose ...".
CONDITION = re.compile(
    r"(?:if|when|whenever|once|after|before|to|in|on|at|from|under|with|for|as|while|unless|until"
    r"|using|by|inside|within"
    r"|where|since|because|next to|below|above|depending|jika|bila|apabila|kalau|setelah|sebelum"
    r"|untuk|pada|di|dari|saat"
    r"|ketika|dengan|agar|supaya)\b",
    re.IGNORECASE,
)
ASKS_READER = re.compile(r"do (?:you|they|we|i)\b", re.IGNORECASE)
# "Is the light red? If so, press the button."
DECIDES = re.compile(r"[^.!]*\?\s+(?=(?:if|when|otherwise|jika|bila|apabila|kalau)\b)", re.IGNORECASE)
LABEL = re.compile(r"[^:.]{1,40}:\s+(?=\S)")
# "You can change the size in several ways:"
SIDE_BY_SIDE = re.compile(
    r"\b(?:ways|things|methods|possibilities|alternatives|options|approaches|one of the following)\b[^.]*:\s*$",
    re.IGNORECASE,
)
# "If you want to print on both sides, do this:" says what the steps are for, "If it rains" when they hold.
WISH = re.compile(
    r"(?:(?:if|when(?:ever)?|in case) (?:you|one) (?:want|wants|wish|wishes|need|needs|would like|prefer|prefers) to"
    r"|(?:jika|bila|apabila|kalau) (?:anda |kamu )?(?:ingin|mau|hendak|perlu))\s+([^,:;.]{3,80}?)\s*(?:[,:]|$)",
    re.IGNORECASE,
)
TAKES_UP = frozenset({"use", "gunakan"})  # where each item does, they are ways to choose from
ONE_CASE = re.compile(r"(?:if|unless|in case|for|when|to|jika|bila|apabila|kalau|untuk|saat)\b", re.IGNORECASE)
LONGEST_NAME = 40  # characters of a command's name
WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
LEADS_TO = re.compile(
    r"[,;]?\s*(?:by\s+)?(?:please\s+|simply\s+|just\s+|you (?:can|should|must|need to) )?(?:(?:follow(?:ing)?|perform"
    r"|do|complete|take|use"
    r"|try|carry out|execute)\s+(?:the|these|this|all)?\s*(?:following|below|next|simple"
    r"|few)?\s*(?:steps?|instructions?"
    r"|procedures?|actions?|guide|below|following)?(?:\s+(?:below|in order|here))?|proceed as follows|as follows"
    r"|ikuti(?:lah)? (?:langkah(?:-langkah)?|petunjuk|cara)?\s*(?:berikut|di bawah|ini)*(?:\s+ini)?|sebagai berikut"
    r"|gehen sie (?:wie folgt|folgendermaßen) vor|siga (?:estos|los siguientes) pasos|suivez (?:ces|les) étapes"
    r"(?: suivantes| ci-dessous)?|siga (?:estes|os seguintes) passos)\s*[:.]?\s*$",
    re.IGNORECASE,
)
SAYS_NOTHING = re.compile(
    r"(?:\d+(?:\.\d+)*\.?\s+)?\W*(?:usage|use|directions for use|intention|how to use(?: it)?|procedures?|instructions?"
    r"|(?:the )?(?:following )?steps?(?: to (?:follow|take))?"
    r"|step[- ]by[- ]step(?: (?:guide|instructions?|procedure))?|guide|walkthrough|solutions?"
    r"|resolution|answers?|answer"
    r"|examples?|details?|overview|description|method(?: \d+)?|workflow|process|what to do|how|here(?:'s| is) how"
    r"|(?:to )?do (?:this|that|so|it)|to use(?: it)?|getting started|getting there|quick start|the way to do it"
    r"|langkah(?:-langkah)?(?:nya)?|cara(?:nya)?|panduan|petunjuk|solusi|penyelesaian|contoh|prosedur"
    r"|anleitung|vorgehen|vorgehensweise|schritte|lösung|schritt[- ]für[- ]schritt(?:-anleitung)?|verwendung|beispiel"
    r"|pasos|procedimiento|instrucciones|solución|uso|guía(?: paso a paso)?|étapes|procédure"
    r"|marche à suivre|utilisation"
    r"|passos|passo a passo|procedimento|instruções|solução|手順|方法|使い方|操作手順)?\W*",
    re.IGNORECASE,
)


USAGE = re.compile(
    r"(?:\d+(?:\.\d+)*\.?\s+)?(?:usage|use|directions for use|how to use(?: it)?|to use(?: it)?"
    r"|(?:an?\s+)?(?:(?:brief|short|quick|small|simple)\s+)?tutorial)\W*",
    re.IGNORECASE,
)
SECTION_NUMBER = re.compile(r"\d+(?:\.\d+)*\.?\s+")
MOST_NAME_WORDS = 6


def usage_of(title: str, above: str) -> str | None:
    """The question of "Usage" below the name of a thing: "How do I use Foreground Select?"; None for other titles."""
    name = SECTION_NUMBER.sub("", above, count=1).strip(" .:")
    if not USAGE.fullmatch(title.strip()) or not name or len(name.split()) > MOST_NAME_WORDS:
        return None
    return f"How do I use {name}?"


def useful(caption: str) -> str:
    """What a title or caption says beyond "Follow these steps:", "Usage" and the like; "" for nothing."""
    said = LEADS_TO.sub("", caption).strip()
    return "" if SAYS_NOTHING.fullmatch(said) else said


def wish(caption: str) -> str:
    """What the reader wants by a line that leads to steps, "If you want to print on both sides, do this:"; "" where it
    tells to do more than the steps do.
    """
    found = WISH.match(caption)
    if found is None:
        return ""
    rest = caption[found.end() :].strip()
    return found[1] if not rest or LEADS_TO.search(rest) else ""


def are_ways(caption: str) -> bool:
    """Whether the items below a line stand side by side: "You can change the size in several ways:"."""
    return SIDE_BY_SIDE.search(caption) is not None


def tell_to_do(steps: list[str], language: str, is_procedure: bool) -> bool:
    """Whether the leading words of the steps tell to do something, as far as the language is known."""
    if language not in JUDGED:
        return True
    least = LEAST_TELLING_OF_PROCEDURES if is_procedure else LEAST_TELLING
    return sum(map(tells_to_do, steps)) >= least * len(steps)


def are_choices(steps: list[str], is_procedure: bool, caption: str = "") -> bool:
    """Whether items stand side by side and not one after the other: names of commands that begin alike, explanations of
    terms ("Preview: this option ..."), what to do in one case each, or ways of which the line before them speaks.
    """
    if len(steps) < 2:
        return False
    if are_ways(caption):
        return True
    begin = {" ".join(step.lower().split()[:2]) for step in steps}
    first = {one.split(" ")[0] for one in begin}
    alike = len(first) == 1
    names = all(len(step) < LONGEST_NAME and step[-1] not in ".!;:" for step in steps)
    labels = [(step, label) for step in steps if (label := LABEL.match(step))]
    explained = sum(
        step[label.end()].islower() and not _starts_with_imperative(step[label.end() :]) for step, label in labels
    )
    cases = sum(bool(ONE_CASE.match(step)) for step in steps)
    return (
        len(begin) == 1
        or (alike and (names or first <= TAKES_UP))
        or explained * 2 >= len(steps)
        or (cases * 2 > len(steps) and not is_procedure)
    )


@lru_cache(maxsize=4096)
def tells_to_do(step: str) -> bool:
    """Whether the leading word, after what may stand before it, is an imperative of English or Indonesian."""
    text = step.strip()
    if decides := DECIDES.match(text):
        return tells_to_do(text[decides.end() :])
    if ASKS_READER.match(text):
        return False
    if _starts_with_imperative(text):
        return True
    if CONDITION.match(text):
        return any(_starts_with_imperative(text[match.end() :]) for match in re.finditer(r"[,:;–—]\s+|\bthen\s+", text))
    label = LABEL.match(text)
    return label is not None and _starts_with_imperative(text[label.end() :])


def _starts_with_imperative(text: str) -> bool:
    for _ in range(3):
        if not (lead := FIRST_WORDS.match(text)):
            break
        text = text[lead.end() :]
    found = WORD.search(text[:60])
    if found is None or text[: found.start()].strip(" \t\"'“”‘’(*[<`") not in ("", "."):
        return False
    word = found.group().lower()
    return any(map(_is_imperative, (word, word.split("-")[-1], word.split("-")[0])))


@lru_cache(maxsize=4096)
def _is_imperative(word: str) -> bool:
    if english_verb(word) == word or word in ENGLISH_STEP_VERBS:
        return True
    indonesian = INDONESIAN_IMPERATIVES | INDONESIAN_PLAIN_VERBS | INDONESIAN_STEP_VERBS
    return (
        word in indonesian
        or word.removesuffix("kan") in INDONESIAN_STEP_VERBS
        or (word.endswith("lah") and (word[:-3] in indonesian or indonesian_verb(word[:-3]) is not None))
    )
