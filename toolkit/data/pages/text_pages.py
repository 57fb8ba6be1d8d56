"""Plain text as titled sections: text files, answers without markup, and what PDF pages say.

A title is a short line of its own that does not end like a sentence, or one underlined with = or -; numbered lines
below it are its steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from toolkit.data.pages.sections import Section, StepList
from toolkit.data.pages.written_steps import NoSteps, parse_steps
from toolkit.numbering import find_marks, sure_mark

UNDERLINE = re.compile(r"\s*(?:={3,}|-{3,}|~{3,}|\*{3,})\s*$")
MARKER = re.compile(r"\s*(?:[-*+•◦‣▪○·–—►✓]|\(?[a-z0-9]{1,2}[.)]|(?:step|langkah|tahap)\s*\d)", re.IGNORECASE)
INLINE_NUMBERS = re.compile(r"(?:^|\s)\(?1[.)]\s.*\s\(?2[.)]\s", re.DOTALL)
MOST_TITLE_WORDS, MOST_TITLE_CHARS = 14, 100
# "Q: ... A: ...", "Q1. ... A1. ..." and "Question:" on a line of its own, in the languages in which people write it.
QUESTION_LINE = re.compile(
    r"\s*\W{0,3}(?:Q(?:uestion)?|F(?:rage)?|P(?:regunta|ergunta|ertanyaan)?|T(?:anya)?|D(?:omanda)?|Вопрос|質問|問|问|問題|问题)"
    r"(?:\s*\d*\s*[:：]|\s*\d+\s*[.)])(?:\W{0,3}(?=\w)|\W{0,3}$)"
)
ANSWER_LINE = re.compile(
    r"\s*\W{0,3}(?:A(?:nswer|ntwort)?|R(?:espuesta|éponse|esposta|isposta)?|J(?:awab(?:an)?)?|Ответ|回答|答|答案)"
    r"(?:\s*\d*\s*[:：]|\s*\d+\s*[.)])(?:\*\*)?(?:\s+|$|(?=\d))"
)


@dataclass(slots=True)
class Line:
    """One line of a text; `number` is its place in the file, `is_title` what its type says (None: not known)."""

    text: str
    number: int
    is_title: bool | None = None


def read_plain_text(text: str) -> list[Section]:
    """The titled sections of a text; text before the first title forms one without a title if it holds steps."""
    lines = text.expandtabs(4).splitlines()
    if questions := read_questions(lines):
        return questions
    marked = []
    for at, line in enumerate(lines):
        if UNDERLINE.match(line) and at and lines[at - 1].strip():
            continue
        underlined = at + 1 < len(lines) and bool(UNDERLINE.match(lines[at + 1]))
        marked.append(Line(line, at + 1, bool(line.strip()) and (underlined or _looks_like_title(lines, at))))
    return sections_of_lines(marked)


def read_questions(lines: list[str]) -> list[Section]:
    """The sections of a text that marks questions and answers, "Q: ..." and "A: ..."; [] for any other."""
    if not any(map(ANSWER_LINE.match, lines)):
        return []
    marked: list[Line] = []
    is_asking = False
    for number, line in enumerate(lines, start=1):
        if question := QUESTION_LINE.match(line):
            is_asking = True
            marked.append(Line(line[question.end() :].rstrip("* "), number, is_title=True))
        elif answer := ANSWER_LINE.match(line) if marked else None:
            is_asking = False
            marked.append(Line(line[answer.end() :], number, is_title=False))
        elif is_asking and line.strip():
            marked[-1].text += f" {line.strip().rstrip('*')}"
        elif marked:
            marked.append(Line(line, number, is_title=False))
    return sections_of_lines(marked) if marked else []


def sections_of_lines(lines: Iterable[Line]) -> list[Section]:
    """Sections of lines that are known to be titles or not."""
    sections: list[tuple[Section, list[str]]] = [(Section("", 1), [])]
    for line in lines:
        if line.is_title:
            sections.append((Section(" ".join(line.text.split()).lstrip("#").strip(), line.number), []))
        else:
            sections[-1][1].append(line.text)
    for section, body in sections:
        section.has_text = any(line.strip() for line in body)
        section.lists = step_lists_of_text("\n".join(body))
    return [section for section, _ in sections if section.title or section.lists]


def step_lists_of_text(text: str) -> list[StepList]:
    """The numbered lists of a text without titles, each with the line that leads to it; bullets alone are no steps."""
    if not any(find_marks(text.splitlines())) and not INLINE_NUMBERS.search(text):
        return []
    lists = []
    for block, caption in _blocks(text.splitlines()):
        try:
            steps, _ = parse_steps("\n".join(block))
        except NoSteps as error:
            if "no numbered steps" not in str(error):
                lists.append(StepList([], flaw=str(error)))
            continue
        if len(steps) > 1:
            lists.append(StepList(steps, caption=caption))
    return lists


def _blocks(lines: list[str]) -> Iterator[tuple[list[str], str]]:
    """Pieces that hold one list each: a line "1." after a line "2." of no deeper indent begins another one."""
    start, caption = 0, ""
    two: int | None = None  # indent of the first "2." of the piece
    for at, (line, mark) in enumerate(zip(lines, find_marks(lines), strict=True)):
        number = mark.number if mark else 0
        indent = len(line) - len(line.lstrip())
        if number == 1 and two is not None and indent <= two + 1:
            yield lines[start:at], caption
            start, two, caption = at, None, _leading_line(lines[:at])
        elif number == 1 and two is None and not caption:
            caption = _leading_line(lines[:at])
        elif number == 2 and (two is None or indent < two):
            two = indent
    yield lines[start:], caption


def _leading_line(before: list[str]) -> str:
    """The paragraph just before a list if it leads to it: "To search from inside Contacts:"."""
    while before and not before[-1].strip():
        before = before[:-1]
    paragraph: list[str] = []
    for line in reversed(before):
        if not line.strip() or sure_mark(line):
            break
        paragraph.insert(0, line.strip())
    text = " ".join(paragraph)
    return text if text.endswith(":") else ""


def _looks_like_title(lines: list[str], at: int) -> bool:
    line = lines[at].strip()
    before = lines[at - 1].strip() if at else ""
    after = lines[at + 1].strip() if at + 1 < len(lines) else ""
    if not line or before or MARKER.match(line) or len(line) > MOST_TITLE_CHARS or len(line.split()) > MOST_TITLE_WORDS:
        return False
    if lines[at] != lines[at].lstrip() or line[-1] in ".,;:!":
        return False
    return not after or sure_mark(after) is not None
