"""What all document readers give: titled sections with their step lists, and how list items become one-line steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from toolkit.data.words.instructions import useful
from toolkit.data.words.questions import english_verb, indonesian_verb

EMPTY_BRACKETS = re.compile(r"\( ?\)")  # what an icon in brackets leaves
ONLY_A_PICTURE = "a step is only a picture"
SPACE_BEFORE_MARK = re.compile(r" +([,.;:!?)])(?=\s|$)")


@dataclass
class StepList:
    """One numbered list. `caption`: its own title, or the line that leads to it. `flaw`: why it cannot be used, or "".

    `typed`: the numbers are part of the text, so that a single one may be anything. `is_procedure`: the format itself
    says that these are steps.
    """

    steps: list[str]
    caption: str = ""
    flaw: str = ""
    typed: bool = False
    is_procedure: bool = False


@dataclass
class Section:
    """A title with what is directly below it. `group` names the rows of the document that belong together; `above` is
    the title of the section around it.
    """

    title: str
    line: int
    language: str = ""
    lists: list[StepList] = field(default_factory=list)
    has_text: bool = False
    last_paragraph: str = ""
    group: str = ""
    above: str = ""

    def caption(self) -> str:
        """The paragraph just before a list if it leads to it: "To search from inside Contacts:"."""
        return self.last_paragraph if self.last_paragraph.endswith(":") else ""

    def add_list(self, step_list: StepList, start: int = 1) -> None:
        """Take a list; one that starts where the last one stopped is its continuation after an interruption."""
        if start > 1 and self.lists and start == len(self.lists[-1].steps) + 1:
            self.lists[-1].steps.extend(step_list.steps)
            self.lists[-1].flaw = self.lists[-1].flaw or step_list.flaw
        else:
            if start > 1 and not step_list.flaw:
                step_list.flaw = f"the list begins with step {start}"
            self.lists.append(step_list)
        self.last_paragraph = ""

    def goes_on_with(self, bullets: StepList) -> bool:
        """Whether bullets right behind a list belong to its last step, "Do one of the following:", and were taken."""
        around = self.lists[-1] if self.lists and not self.last_paragraph else None
        if around is None or not around.steps or not around.steps[-1].endswith(":"):
            return False
        around.steps[-1] = join_substeps(around.steps[-1], bullets.steps)
        around.flaw = around.flaw or bullets.flaw
        return True


class TitlesAbove:
    """The titles around the latest one, by the levels of headings. One that says nothing ("Usage") is passed over."""

    def __init__(self) -> None:
        self.titles: dict[int, str] = {}
        self.level = 0

    def enter(self, level: int, title: str) -> None:
        self.titles = {at: one for at, one in self.titles.items() if at < level} | {level: title}
        self.level = level

    @property
    def title(self) -> str:
        """The nearest title above the latest one that says something, or ""."""
        above = [one for at, one in sorted(self.titles.items(), reverse=True) if at < self.level and useful(one)]
        return above[0] if above else ""


def gap(numbers: Sequence[int]) -> str:
    """What is missing of steps that ought to count up by one, or ""."""
    for before, number in pairwise(numbers):
        if number > before + 1:
            missing = f"step {before + 1} is" if number == before + 2 else f"steps {before + 1} to {number - 1} are"
            return f"a gap in the numbering: {missing} missing"
    return ""


def tidy(text: str) -> str:
    """Text of a document on one line, without the spaces that inline elements leave before punctuation."""
    text = " ".join(text.split())
    if "(" in text:
        text = EMPTY_BRACKETS.sub("", text).replace("( ", "(")
    return (
        " ".join(SPACE_BEFORE_MARK.sub(r"\1", text).split()) if " " in text and SPACE_BEFORE_MARK.search(text) else text
    )


def join_parts(parts: list[str]) -> str:
    """Paragraphs of one step as one line; a part without an end gets a full stop."""
    parts = [part for part in (tidy(part) for part in parts) if part]
    closed = [part if part[-1] in ".!?:;,…" else f"{part}." for part in parts[:-1]]
    return " ".join([*closed, *parts[-1:]])


def join_substeps(step: str, substeps: list[str]) -> str:
    """A step with its sub-steps in one sentence: "Protect the item: wrap each piece; tape the wrap shut."

    Sub-steps are not numbered, because an answer has one numbering. They follow as sentences of their own behind a
    step that does not end with a colon, and where one of them has several sentences.
    """
    substeps = [text for text in (tidy(substep) for substep in substeps) if text]
    if not substeps:
        return step
    several_sentences = any(re.search(r"[.!?…] +[A-Z]", text) for text in substeps)
    if several_sentences or (step and not step.endswith(":")):
        return join_parts([step, *substeps])
    listed = "; ".join(_lower_verb(text.rstrip(".;,")) for text in substeps)
    listed = listed if listed[-1] in "!?…" else f"{listed}."
    return f"{step} {listed}" if step else f"{listed[0].upper()}{listed[1:]}"


def _lower_verb(text: str) -> str:
    """Lower the first letter where the first word is a verb; names and labels keep theirs."""
    first = text.split(" ", 1)[0].rstrip(",:")
    is_verb = english_verb(first) or indonesian_verb(first)
    return text[0].lower() + text[1:] if is_verb and first[1:].islower() else text
