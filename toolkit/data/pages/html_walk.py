"""Walks the structure of an HTML page: headings, lists, details, dt and dd, accordions, microdata.

Navigation, headers, footers, cookie notes, tables and code blocks hold no how-tos. A bullet list counts as steps only
under a title that asks, if it is the only list there and every item tells the reader to do something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from functools import cached_property, lru_cache

from toolkit.data.pages.html_markup import ASIDE, HEADINGS, MARKUP, TITLE_MARKUP, XML_LANG, is_aside, language_of
from toolkit.data.pages.markup_items import Element, framed_cells, inline_text, local_name, read_steps
from toolkit.data.pages.sections import Section, StepList, TitlesAbove, join_parts, join_substeps
from toolkit.data.pages.step_headings import Heading, step_headings
from toolkit.data.pages.text_pages import QUESTION_LINE
from toolkit.data.words.instructions import are_ways
from toolkit.data.words.questions import ask, english_verb, indonesian_verb
from toolkit.numbering import Mark, sure_mark

TRIGGER = re.compile(
    r"(?:accordion|faq|collaps\w*|toggle|expand\w*|question)(?:[-_]{1,2}\w+)*?[-_]{0,2}(?:title|header|heading|head|question|button|btn|trigger|label|toggle|link|q)\b"
    r"|(?:^|\s)question(?:-text)?(?:\s|$)",
    re.IGNORECASE,
)
NOTES = frozenset({"note", "tip", "warning", "important", "caution", "info", "hint", "admonition"})
PROCEDURE_NUMBER = re.compile(r"\w+\s+\d+(?:\.\d+)*\.\s+")
MARK_STARTS = frozenset("([（#*_sltpéekavbш第ス手步①❶")
LINE_MARK = "\ue000"
CONFLUENCE_TITLES = frozenset({"title-heading", "title-text"})  # "SPACE : Title of the page"
# Under "Change the PIN" bullets are choices as often as steps; under a question they answer it.
QUESTION = re.compile(
    r".*[?？]\s*$|(?:how (?:do|can|should)|what should|where|bagaimana|cara|langkah|wie|comment|cómo|como)\b",
    re.IGNORECASE,
)
TRIGGER_TAGS = frozenset({"button", "a", "div", "span", "label", "p"})
CONTROLS = frozenset({"aria-controls", "data-toggle", "data-bs-toggle"})
TRIGGER_ATTRIBUTES = CONTROLS | {"class", "for"}
LONGEST_TITLE, LONGEST_CLASS = 300, 500


class Walker:
    """Reads a page once; `current` is the section that what comes next belongs to."""

    def __init__(self, root: Element, language: str = "") -> None:
        self.root = root
        self.language = language
        self.sections: list[Section] = []
        self.current: Section | None = None
        self.read_already: set[Element] = set()
        self.above = TitlesAbove()
        self.bullets: dict[int, list[StepList]] = {}
        self.typed: tuple[Section, StepList] | None = None
        self.in_heading_step = False  # below "Step 2: Open", whose text goes on
        self.last_text: Element | None = None
        self.saw_typed_number = False  # in running text, where only line breaks tell steps apart

    def read(self) -> list[Section]:
        self._walk(self.root, self.language)
        return self._finished()

    def read_below(self, section: Section, element: Element | None = None) -> list[Section]:
        """The sections of one element (the whole tree if None), what precedes any heading in it under `section`."""
        self.sections, self.current = [section], section
        element = self.root if element is None else element
        self._take_text_of(element.text)
        self._walk_children(element, section.language)
        return self._finished()

    def _finished(self) -> list[Section]:
        for section in self.sections:
            section.lists = [steps for steps in section.lists if len(steps.steps) > 1 or not steps.typed]
            bullets = self.bullets.get(id(section), [])
            asks = QUESTION.match(section.title) and ask(section.title, _code(section.language))
            if not section.lists and len(bullets) == 1 and asks:
                section.lists = bullets
        return self.sections

    def _walk(self, element: Element, language: str) -> None:
        name = local_name(element)
        if name == "table" and self.current is not None:
            self._take_table(element)
        if not name or name in ASIDE or element in self.read_already:
            return
        if (
            attributes := element.keys()
        ):  # asked for by name only where there are any: most of the time goes into single look-ups
            if is_aside(element, name):
                return
            if "lang" in attributes or XML_LANG in attributes:
                language = language_of(element, language)
            if "itemtype" in attributes and self._microdata(
                element.get("itemtype").rsplit("/", 1)[-1], element, language
            ):
                return
        if name in HEADINGS:
            self._heading(element, language)
        elif name == "details":
            self._answer(element.find("summary"), element, language)
        elif name == "dl":
            self._definitions(element, language)
        elif name == "ol":
            self._take_list(element)
        elif name == "ul" and not _holds_list(element):
            self._take_bullets(element)
        elif name in {"p", "blockquote"} and not _holds_list(element):
            self._take_paragraph(element)
        else:
            self._take_text_of(element.text)
            self._walk_children(element, language)

    def _walk_children(self, element: Element, language: str) -> None:
        for child in element:
            panel = self._panel_of(child)
            if panel is not None:
                self.read_already.update((child, panel))
                self._answer(child, panel, language)
            else:
                self._walk(child, language)
            self._take_text_of(child.tail)

    def _heading(self, element: Element, language: str) -> None:
        """A heading opens a section, "Step 2: Open" goes on with the steps of the one before."""
        title = inline_text(element, TITLE_MARKUP)
        step = sure_mark(title)
        if step and (step.says_step or element in self._step_headings):
            title = step.rest
            if self.current is not None and not _has_own_list(element) and self._typed_step(step.number, title):
                self.in_heading_step = True
                return
        if element.get("id") in CONFLUENCE_TITLES:
            title = title.split(": ", 1)[-1]
        self.above.enter(int(local_name(element)[1]), title)
        self.current = self._open(element, title, language)
        self.current.above = self.above.title
        for child in element.iterchildren("ol", "details", "dl"):  # a heading without its end tag swallows what follows
            self._walk(child, language)

    @cached_property
    def _step_headings(self) -> frozenset[Element]:
        """The headings "1. Open the lid", "2. Press the button" of a page that are steps of the task above them."""
        elements = [element for element in self.root.iter(*HEADINGS, "ol") if not _stands_aside(element)]
        headings = [element for element in elements if element.tag != "ol"]
        before_list = {elements[at - 1] for at, element in enumerate(elements) if at and element.tag == "ol"}
        found = step_headings(
            [
                Heading(int(element.tag[1:]), inline_text(element, TITLE_MARKUP), element in before_list)
                for element in headings
            ],
            _code(self.language or language_of(self.root, "")),
        )
        return frozenset(headings[at] for at in found)

    def _open(self, element: Element, title: str, language: str) -> Section:
        section = Section(title, element.sourceline or 0, language_of(element, language))
        self.sections.append(section)
        self.typed = self.last_text = None
        self.in_heading_step = False
        return section

    def _answer(self, title: Element | None, content: Element, language: str) -> None:
        """A title with its own content, after which the section around it goes on."""
        around = self.current
        if title is not None:
            self.read_already.add(title)
            self.current = self._open(title, inline_text(title, TITLE_MARKUP), language)
            self._take_text_of(title.tail)
        if local_name(content) in {"ol", "ul", "p"}:
            self.read_already.discard(content)
            self._walk(content, language)
        else:
            self._take_text_of(content.text)
            self._walk_children(content, language_of(content, language))
        self.current, self.typed, self.in_heading_step = around, None, False

    def _definitions(self, element: Element, language: str) -> None:
        around = self.current
        for child in element.iter("dt", "dd"):
            if next(child.iterancestors("dl")) is not element:
                continue
            if local_name(child) == "dt":
                self.current = self._open(child, inline_text(child, TITLE_MARKUP), language)
            else:
                self._take_text_of(child.text)
                self._walk_children(child, language_of(child, language))
        self.current = around

    def _panel_of(self, trigger: Element) -> Element | None:
        """The content that an accordion's button, label or title opens; None for any other element."""
        name = trigger.tag
        if (
            name not in TRIGGER_TAGS
            or TRIGGER_ATTRIBUTES.isdisjoint(attributes := trigger.keys())
            or trigger.get("role") == "tab"
        ):
            return None
        panel = None if CONTROLS.isdisjoint(attributes) else self._controlled(trigger)
        if panel is None and name == "label" and trigger.get("for"):
            before = trigger.getprevious()
            panel = trigger.getnext() if before is not None and before.get("type") in {"checkbox", "radio"} else None
        if panel is None and _names_trigger(trigger.get("class", "")) and not _holds_list(trigger):
            panel = trigger.getnext()
        if panel is None or local_name(panel) in HEADINGS or panel in trigger.iterancestors():
            return None
        if any(local_name(inner) in HEADINGS for inner in trigger.iter()):
            return None
        return panel if 0 < len("".join(trigger.itertext()).strip()) <= LONGEST_TITLE else None

    def _controlled(self, element: Element) -> Element | None:
        """The element whose id a control names."""
        target = element.get("aria-controls")
        if not target and (element.get("data-toggle") or element.get("data-bs-toggle")) == "collapse":
            target = (element.get("data-bs-target") or element.get("data-target") or element.get("href") or "").lstrip(
                "#"
            )
        return self._by_id.get(target.split()[0]) if target else None

    @cached_property
    def _by_id(self) -> dict[str, Element]:
        return {element.get("id"): element for element in self.root.xpath("//*[@id]")}

    def _microdata(self, kind: str, element: Element, language: str) -> bool:
        """Whether the element was a question or how-to of schema.org and has been read."""
        if kind == "Question":
            return self._microdata_question(element, language)
        return kind == "HowTo" and self._microdata_howto(element, language)

    def _microdata_question(self, element: Element, language: str) -> bool:
        """schema.org/Question: its name, and the accepted answer or the suggested one with most votes."""
        title = _property(element, "name")
        accepted = _property(element, "acceptedAnswer")
        suggested = element.xpath(".//*[contains(concat(' ', @itemprop, ' '), ' suggestedAnswer ')]")
        answer = accepted if accepted is not None else max(suggested, key=_votes) if suggested else None
        if title is None or answer is None:
            return False
        text = _property(answer, "text")
        self._answer(title, answer if text is None else text, language)
        return True

    def _microdata_howto(self, element: Element, language: str) -> bool:
        """schema.org/HowTo with a name and steps of its own; one without a name is read as the list that it is."""
        title = _property(element, "name")
        steps = element.xpath(".//*[contains(concat(' ', @itemprop, ' '), ' step ')]")
        if title is None or len(steps) < 2:
            return False
        section = self._open(title, inline_text(title, TITLE_MARKUP) or title.get("content", ""), language)
        texts = [inline_text(text if (text := _property(step, "text")) is not None else step, MARKUP) for step in steps]
        section.lists = [StepList([text for text in texts if text])]
        return True

    def _take_list(self, element: Element) -> None:
        if self.current is None:
            return
        steps = read_steps(element, MARKUP)
        if self._is_substeps(steps):
            return
        self._remember_caption(self.current)
        around = element.getparent()
        steps.is_procedure = "procedure" in f"{element.get('class', '')} {around.get('class', '')}".split()
        steps.caption = (_title_within(around) if steps.is_procedure else "") or self.current.caption()
        if are_ways(steps.caption) and any(_holds_list(item) for item in element.iterchildren("li")):
            self._take_ways(element, steps)
            return
        start = element.get("start", "1")
        self.current.add_list(steps, int(start) if start.isdigit() else 1)

    def _take_ways(self, element: Element, ways: StepList) -> None:
        """Ways side by side, of which some have steps of their own: "By using the menu: 1. Open it."."""
        assert self.current is not None
        self.current.add_list(ways)
        for way in element.iterchildren("li"):
            self._walk_children(way, self.current.language)

    def _take_bullets(self, element: Element) -> None:
        if self.current is None:
            return
        steps = read_steps(element, MARKUP)
        if self._is_substeps(steps) or (self.last_text is None and self.current.goes_on_with(steps)):
            return
        self._take_text(element, element.itertext())
        if len(steps.steps) > 1 and all(_instructs(step) for step in steps.steps):
            self.bullets.setdefault(id(self.current), []).append(steps)

    def _is_substeps(self, steps: StepList) -> bool:
        """Lists below "Step 2: Open" are part of that step."""
        if not self.in_heading_step or not self.typed:
            return False
        around = self.typed[1].steps
        around[-1] = join_substeps(around[-1], steps.steps)
        return True

    def _take_paragraph(self, element: Element) -> None:
        pieces = list(element.itertext())
        if (question := QUESTION_LINE.match("".join(pieces[:2]))) and (
            title := inline_text(element, MARKUP)[question.end() :].strip("* ")
        ):
            self.current = self._open(element, title, self.language)
            return
        if self.current is None:
            return
        if _may_be_marked(pieces[0] if pieces and len(pieces[0].strip()) > 6 else "".join(pieces)):
            lines = [sure_mark(line) or line for line in _lines_of(element)]
            if lines and isinstance(lines[0], Mark) and self._typed_step(lines[0].number, lines[0].rest):
                self._further_lines(lines[1:])
                return
        if self.in_heading_step and self.typed:
            steps = self.typed[1].steps
            steps[-1] = join_parts([steps[-1], inline_text(element, MARKUP)])
        else:
            self._take_text(element, pieces)

    def _further_lines(self, lines: list[Mark | str]) -> None:
        """Lines of a paragraph behind its first step: `<p>1. Open it.<br>2. Close it.</p>`."""
        for line in lines:
            if isinstance(line, str) or not self._typed_step(line.number, line.rest):
                assert self.typed is not None
                steps = self.typed[1].steps
                steps[-1] = join_parts([steps[-1], line if isinstance(line, str) else line.rest])

    def _take_table(self, element: Element) -> None:
        """A table whose first column counts its rows from 1 is a list of steps."""
        rows = [[inline_text(cell, MARKUP) for cell in row.iter("td", "th")] for row in element.iter("tr")]
        counted = [row for row in rows if row and row[0].strip(".)# ").isdecimal()]
        numbers = [int(row[0].strip(".)# ")) for row in counted]
        if self.current is None or len(numbers) < 2 or numbers != list(range(1, len(numbers) + 1)):
            if self.current is not None and _is_note(element):
                for cell in framed_cells(element) or ():
                    self._walk_children(cell, self.current.language)
            return
        if len(rows) > len(counted) + 1 or any(len(row) < 2 for row in counted) or element.find(".//table") is not None:
            return
        self._remember_caption(self.current)
        self.current.add_list(StepList([join_parts(row[1:]) for row in counted], caption=self.current.caption()))

    def _typed_step(self, number: int, text: str) -> bool:
        """A step whose number is typed; False if it does not count on from the one before."""
        assert self.current is not None
        if number == 1:
            steps = StepList([], typed=True)
            self._remember_caption(self.current)
            steps.caption = self.current.caption()
            self.current.add_list(steps)
            self.current.has_text, self.in_heading_step = True, False
            self.typed = (self.current, steps)
        if self.typed is None or self.typed[0] is not self.current or len(self.typed[1].steps) != number - 1:
            return False
        self.typed[1].steps.append(text)
        return True

    def _remember_caption(self, section: Section) -> None:
        if self.last_text is not None:
            section.last_paragraph = inline_text(self.last_text, MARKUP)
            self.last_text = None

    def _take_text(self, element: Element, texts: Iterable[str]) -> None:
        pieces = [piece for piece in texts if not piece.isspace()]
        if self.current is not None and pieces:
            self.current.has_text = True
            self.last_text = element
        self.saw_typed_number = self.saw_typed_number or any(map(_may_be_marked, pieces))

    def _take_text_of(self, text: str | None) -> None:
        if text and not text.isspace():
            if self.current is not None:
                self.current.has_text = True
            self.saw_typed_number = self.saw_typed_number or _may_be_marked(text)


@lru_cache(maxsize=4096)
def _may_be_marked(text: str) -> bool:
    """Whether a text begins with a number or with a word for steps: all that is asked of most texts of a page."""
    first = text.lstrip(" \t\r\n\ufeff\u200b\u00a0")[:1].lower()
    return (first in MARK_STARTS or first.isdecimal()) and sure_mark(text.strip()) is not None


def _lines_of(element: Element) -> list[str]:
    """The text of a paragraph by its line breaks."""
    if element.find(".//br") is None:
        return [inline_text(element, MARKUP)]
    copied = deepcopy(element)
    for line_break in copied.iter("br"):
        line_break.tail = f"{LINE_MARK}{line_break.tail or ''}"
    return [line.strip() for line in inline_text(copied, MARKUP).split(LINE_MARK) if line.strip()]


def _is_note(table: Element) -> bool:
    """Whether a table frames a note, as DocBook's stylesheets write it, and not a page."""
    around = table.getparent()
    named = f"{table.get('class', '')} {table.get('summary', '')} {around.get('class', '')}".lower().split()
    return not NOTES.isdisjoint(named)


def _title_within(procedure: Element) -> str:
    """The title of a procedure, as DocBook's stylesheets write it: "Procedure 3.1. On Windows"."""
    title = next((child for child in procedure.iterchildren("p", "div") if child.get("class") == "title"), None)
    return PROCEDURE_NUMBER.sub("", inline_text(title, MARKUP), count=1) if title is not None else ""


def _stands_aside(element: Element) -> bool:
    return any(is_aside(one, local_name(one)) for one in (element, *element.iterancestors()))


def _has_own_list(heading: Element) -> bool:
    """Whether numbered steps stand between a heading and the next: what it names is then a task, not a step."""
    for following in heading.itersiblings():
        if local_name(following) in HEADINGS:
            return False
        if following.tag == "ol" or _holds_list(following):
            return True
    return False


def _holds_list(element: Element) -> bool:
    return len(element) > 0 and any(inner is not element for inner in element.iter("ol"))


@lru_cache(maxsize=4096)
def _names_trigger(classes: str) -> bool:
    return len(classes) <= LONGEST_CLASS and bool(TRIGGER.search(classes))


def _instructs(step: str) -> bool:
    first, _, rest = step.partition(" ")
    word = first.strip(",:;").lower()
    return bool(rest) and (english_verb(word) == word or indonesian_verb(word) is not None)


def _property(element: Element, name: str) -> Element | None:
    found = element.xpath(".//*[contains(concat(' ', @itemprop, ' '), $name)]", name=f" {name} ")
    return found[0] if found else None


def _votes(answer: Element) -> int:
    votes = _property(answer, "upvoteCount")
    text = (votes.get("content") or "".join(votes.itertext())) if votes is not None else ""
    return int(text.strip()) if text.strip().lstrip("-").isdigit() else 0


def _code(language: str) -> str:
    return language.replace("_", "-").split("-")[0].lower()
