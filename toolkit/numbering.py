"""How people number steps: one grammar for data-build, evaluation and the blind study. Standard library only.

Some marks leave no doubt where they stand at the start of a line: `1.` `1)` `(1)` `**1.**` `Step 1:` `Step one`
`Paso 2` `Шаг 3` `ステップ4` `第5步` `①` `1️⃣` `１．`. Others are part of ordinary text as well (`1-` `1:` `#1` `[1]` `a)`
`iv.` `1.Open`): those count only where the lines of a text count up with them from the first on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Byte order marks, zero-width marks and marks of writing direction, which nobody sees.
UNSEEN = "\u200b-\u200f\u2060\u2066-\u2069\ufeff\u00ad\u202a-\u202e"
CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
DARK_CIRCLED = "❶❷❸❹❺❻❼❽❾❿"
STEP_WORDS = (
    "step|langkah|tahap|paso|schritt|étape|etape|passo|passaggio|stap|krok|steg|trin|adım|vaihe|bước|шаг|этап|крок"
)
# Numbers as words, in the order of what they count: English, Indonesian, Spanish, German, French, Portuguese, Italian.
NUMBER_WORDS = {
    word: number
    for words in (
        "one two three four five six seven eight nine ten eleven twelve",
        "satu dua tiga empat lima enam tujuh delapan sembilan sepuluh",
        "uno dos tres cuatro cinco seis siete ocho nueve diez",
        "eins zwei drei vier fünf sechs sieben acht neun zehn",
        "un deux trois quatre cinq six sept huit neuf dix",
        "um dois três quatro cinco seis sete oito nove dez",
        "uno due tre quattro cinque sei sette otto nove dieci",
        "один два три четыре пять шесть семь восемь девять десять",
    )
    for number, word in enumerate(words.split(), start=1)
}
CHINESE = {sign: number for number, sign in enumerate("一二三四五六七八九十", start=1)}
ROMAN = {
    sign: number
    for number, sign in enumerate(
        [
            "i",
            "ii",
            "iii",
            "iv",
            "v",
            "vi",
            "vii",
            "viii",
            "ix",
            "x",
            "xi",
            "xii",
            "xiii",
            "xiv",
            "xv",
            "xvi",
            "xvii",
            "xviii",
            "xix",
            "xx",
        ],
        start=1,
    )
}
_START = rf"(?P<indent>[{UNSEEN}]*[ \t\u00a0\u3000]*[{UNSEEN}]*)(?P<heading>\#{{1,6}}[ \t]+)?(?P<bold>\*\*|__)?"
_SURE = re.compile(
    rf"""{_START}
    (?: (?P<word>{STEP_WORDS})[ \t\u00a0]*(?:ke-?|[-_\#]|n[.º°])?[ \t\u00a0]*
          (?P<counted>\d{{1,3}}|(?P<spelt>(?:{"|".join(sorted(NUMBER_WORDS, key=len, reverse=True))})\b))
          (?P<after_word>(?:[ \t](?:of|dari|von|de|sur|di|из)[ \t]\d{{1,3}})?[ \t]?[.):：．、]
            |(?=[*_]{{2}}|[ \t]+[-–—][ \t]|(?(spelt)(?!)|(?:[ \t]*$|[ \t\u00a0]+(?-i:[A-ZÀ-ÞЀ-Я¿¡])))))
      | (?P<east>ステップ|手順|步骤|步驟|단계|第)[ \t]?(?P<east_number>\d{{1,3}}|[一二三四五六七八九十])
          (?(east)(?:[步歩](?![的でのをがは])|(?=[:：.．、)）\s]|$)))[:：.．、)）]?
      | (?P<korean>\d{{1,3}})단계[:：.]?
      | (?P<opened>[(（])?(?P<number>\d{{1,3}})
          (?P<after_number>(?(opened)\)|[.)]\)?)|(?P<east_asian>[．、）]))
      | (?P<circled>[{CIRCLED}{DARK_CIRCLED}])
      | (?P<keycap>[0-9]\ufe0f?\u20e3|🔟) )
    (?P<closing>\*\*|__)?:?
    (?(number)(?(east_asian)|(?=[{UNSEEN}]*(?:\s|$))))""",
    re.VERBOSE | re.IGNORECASE,
)
_UNSURE = re.compile(
    rf"""{_START}
    (?: (?P<number>\d{{1,3}})
          (?P<after_number>[ \t]?[-–—](?=\s|[^\W\d])|:(?=\s|[^\W\d])|[.)](?=[^\W\d])|[ \t]?[/>|](?=\s))
      | \#(?P<hashed>\d{{1,3}})(?P<after_hash>[:.)]?)(?=\s)
      | \[(?P<bracketed>\d{{1,3}})\](?P<after_bracket>[:.]?)(?=\s)
      | [(（]?(?P<lettered>[a-z]|[ivx]{{2,5}})(?P<after_letter>[.)])(?=\s) )
    (?P<closing>\*\*|__)?""",
    re.VERBOSE | re.IGNORECASE,
)
_UNSEEN_FIRST = re.compile(rf"[{UNSEEN}]+")
_PLAIN = re.compile(r"(\d{1,3})([.)])[ \t]")  # what most lines of ASCII begin with
# What a line of ASCII has before anything else that is tried; most lines have not.
_ASCII_START = re.compile(
    rf"[ \t]*(?:[#*_(\d]|(?:{'|'.join(word for word in STEP_WORDS.split('|') if word.isascii())}))", re.IGNORECASE
)
_DASH = re.compile(r"[-–—][ \t]+")
_INLINE = re.compile(
    rf"(?:^|(?<=\s))(?:(?:{STEP_WORDS})\s*(\d{{1,2}})\s*[.):]|[(（]?(\d{{1,2}})[.)](?=\s)|([{CIRCLED}]))\s*",
    re.IGNORECASE,
)
_NESTED_INDENT = 2  # a mark that is indented this much more than the first one belongs to the step above it


@dataclass(frozen=True)
class Mark:
    """The mark at the start of a line: its number, how it would look for step 1 (`**1.**`, `Step 1:`), its indent, and
    the line without it.
    """

    number: int
    style: str
    indent: int
    is_heading: bool
    rest: str

    @property
    def says_step(self) -> bool:
        """Whether a word says that this is a step: "Step 2", "Paso 2", "第2步"."""
        return self.style.strip("*_# (")[:1].isalpha()


def find_marks(lines: Sequence[str]) -> list[Mark | None]:
    """The mark of each line of a text, or None."""
    found = [sure_mark(line) for line in lines]
    if any(found):
        return _with_missing_spaces(lines, found)
    candidates = [list(_unsure_marks(line)) for line in lines]
    for style in dict.fromkeys(mark.style for marks in candidates for mark in marks):
        chosen = [next((mark for mark in marks if mark.style == style), None) for marks in candidates]
        if _counts_up([mark for mark in chosen if mark]):
            return chosen
    return found


def sure_mark(line: str) -> Mark | None:
    """The mark of a line that needs no other line to be one."""
    if line.isascii() and (plain := _PLAIN.match(line)):
        return Mark(int(plain[1]), f"1{plain[2]}", 0, False, line[plain.end() :].strip())
    if line.isascii() and not _ASCII_START.match(line):
        return None
    match = _SURE.match(line)
    if match is None:
        return None
    rest = _UNSEEN_FIRST.sub("", line[match.end() :], count=1).strip()
    if match["word"] and not match["after_word"]:
        rest = _DASH.sub("", rest, count=1)
    return _mark(match, _number_of(match), _sure_style(match), rest)


def written(style: str, number: int) -> str:
    """The mark of a style for another number: "Step 1:" for 3 is "Step 3:"."""
    if style.strip("*_") in ("①", "❶"):
        signs = CIRCLED if "①" in style else DARK_CIRCLED
        return style.replace(signs[0], signs[number - 1]) if number <= len(signs) else f"{number}."
    if letter := re.match(r"(\W*)([aA])(\W+)$", style):
        return f"{letter[1]}{chr(ord(letter[2]) + number - 1)}{letter[3]}"
    if roman := re.match(r"(\W*)([iI])(\W+)$", style):
        sign = next((name for name, value in ROMAN.items() if value == number), "xx")
        return f"{roman[1]}{sign if roman[2] == 'i' else sign.upper()}{roman[3]}"
    return re.sub(r"\bone\b|1", str(number), style, count=1)


def inline_marks(text: str) -> list[re.Match[str]]:
    """The marks within one line, "1) Open ... 2) Tap ...", that count up from 1; [] for fewer than two."""
    marks: list[re.Match[str]] = []
    for match in _INLINE.finditer(text):
        number = CIRCLED.index(match[3]) + 1 if match[3] else int(match[1] or match[2])
        if number == len(marks) + 1:
            marks.append(match)
    return marks if len(marks) > 1 else []


def _mark(match: re.Match[str], number: int, style: str, rest: str) -> Mark:
    if match["bold"] and not match["closing"]:  # **1. Open the box** is bold as a whole
        rest = rest.replace(match["bold"], "", 1)
    style = f"{match['heading'].strip()} {style}" if match["heading"] else style
    indent = re.sub(f"[{UNSEEN}]", "", match["indent"]).expandtabs(4)
    return Mark(number, style, len(indent), match["heading"] is not None, rest)


def _number_of(match: re.Match[str]) -> int:
    if circled := match["circled"]:
        return CIRCLED.index(circled) + 1 if circled in CIRCLED else DARK_CIRCLED.index(circled) + 1
    if keycap := match["keycap"]:
        return 10 if keycap == "🔟" else int(keycap[0])
    text = match["counted"] or match["east_number"] or match["korean"] or match["number"]
    return NUMBER_WORDS.get(text.lower()) or CHINESE.get(text) or int(text)


def _sure_style(match: re.Match[str]) -> str:
    if match["circled"]:
        core = "①" if match["circled"] in CIRCLED else "❶"
    elif match["keycap"]:
        core = "1️⃣"
    elif match["word"]:
        counted = "1" if match["counted"].isdecimal() else "one"
        core = f"{match['word'].capitalize()} {counted}{match['after_word'].strip()[-1:]}"
    elif match["east"] or match["korean"]:
        core = f"{match['east'] or '단계'}1"
    else:
        core = ("(" if match.group().lstrip().startswith(("(", "（")) else "") + f"1{match['after_number']}"
    return (match["bold"] or "") + core + (match["bold"] or "")


def _unsure_marks(line: str) -> Iterator[Mark]:
    """What a line may be marked with; `i.` is the first Roman number and the ninth letter."""
    match = _UNSURE.match(line)
    if match is None:
        return
    rest = line[match.end() :].strip()
    bold = match["bold"] or ""
    if letter := match["lettered"]:
        after, lower = match["after_letter"], letter.lower()
        if len(letter) == 1:
            yield _mark(match, ord(lower) - ord("a") + 1, f"{bold}{'a' if letter == lower else 'A'}{after}{bold}", rest)
        if lower in ROMAN:
            yield _mark(match, ROMAN[lower], f"{bold}{'i' if letter == lower else 'I'}{after}{bold}", rest)
    elif match["hashed"]:
        yield _mark(match, int(match["hashed"]), f"{bold}#1{match['after_hash']}{bold}", rest)
    elif match["bracketed"]:
        yield _mark(match, int(match["bracketed"]), f"{bold}[1]{match['after_bracket']}{bold}", rest)
    else:
        yield _mark(match, int(match["number"]), f"{bold}1{match['after_number'].strip()}{bold}", rest)


def _with_missing_spaces(lines: Sequence[str], found: list[Mark | None]) -> list[Mark | None]:
    """ "2.Tap" between "1. Open" and "3. Close" is a slip of the typist."""
    last = 0
    for at, line in enumerate(lines):
        if found[at] is None and last:
            slip = next((mark for mark in _unsure_marks(line) if mark.style in ("1.", "1)")), None)
            if slip and slip.number == last + 1:
                found[at] = slip
        if (mark := found[at]) is not None:
            last = mark.number
    return found


def _counts_up(marks: list[Mark]) -> bool:
    """Whether the marks of the outermost list are 1, 2, 3 and so on, two at least."""
    if not marks:
        return False
    outer = [mark.number for mark in marks if mark.indent < marks[0].indent + _NESTED_INDENT]
    return len(outer) > 1 and outer == list(range(1, len(outer) + 1))
