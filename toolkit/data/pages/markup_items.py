"""List items of HTML and Mallard trees as steps: paragraphs, labels, notes and nested lists of an item on one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lxml import etree

from toolkit.data.pages.sections import ONLY_A_PICTURE, StepList, gap, join_parts, join_substeps, tidy

PICTURES = frozenset({"img", "media"})
ALL_PICTURES = PICTURES | {"svg", "graphic", "inlinegraphic", "imagedata"}
LONGEST_NOTE_WORD = 12  # characters: "Important", "Note", a number
Element = Any  # lxml.etree._Element, which has no public name


@dataclass(frozen=True)
class Markup:
    """Which elements mean what in a format. `text_of`: text put in place of an element, None to go into it."""

    lists: frozenset[str]
    items: frozenset[str]
    blocks: frozenset[str]
    code: frozenset[str]
    tables: frozenset[str]
    skipped: frozenset[str]
    text_of: Callable[[Element], str | None]
    children: Callable[[Element], Iterator[Element]]


@dataclass
class _Item:
    """One item while it is read: finished paragraphs, the current paragraph, sub-steps, and what is wrong."""

    parts: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    current: str = ""
    has_words: bool = False  # in the current paragraph, besides the names of pictures
    substeps: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    flaw: str = ""

    def close_paragraph(self) -> None:
        """A paragraph of pictures alone decorates the item ("Note icon"), unless there is nothing else."""
        target = (self.after if self.substeps else self.parts) if self.has_words else self.pictures
        if tidy(self.current):
            target.append(self.current)
        self.current, self.has_words = "", False

    def add_text(self, text: str | None) -> None:
        if text:
            self.current += text
            self.has_words = self.has_words or not text.isspace()

    def step(self) -> str:
        self.close_paragraph()
        if not (self.parts or self.after or self.substeps):
            return join_parts(self.pictures)
        return join_parts([join_substeps(join_parts(self.parts), self.substeps), *self.after])


def local_name(element: Element) -> str:
    """Tag without its namespace; "" for comments, entities and processing instructions."""
    return _without_namespace(tag) if isinstance(tag := element.tag, str) else ""


@lru_cache(maxsize=1024)
def _without_namespace(tag: str) -> str:
    return tag.rsplit("}", 1)[-1].lower()


def read_steps(list_element: Element, markup: Markup) -> StepList:
    """The steps of a list element. Items without anything are left out; one that is a picture alone spoils the list."""
    steps, flaw = [], ""
    numbers = [0]
    for child in markup.children(list_element):
        if local_name(child) in markup.items:
            item = _read_item(child, markup)
            flaw = flaw or item.flaw
            numbers.append(_number_of(child, numbers[-1] + 1))
            if step := item.step():
                steps.append(step)
            if not (item.parts or item.after or item.substeps) and _shows_picture(child):
                flaw = flaw or ONLY_A_PICTURE
        elif local_name(child) == "include":
            flaw = "a step stands in another file that cannot be read"
    return StepList(steps, flaw=flaw or gap(numbers[1:]))


def _number_of(item: Element, expected: int) -> int:
    """The number that an item of HTML says it has, else the next one."""
    said = item.get("value", "")
    return int(said) if said.isdecimal() and local_name(item) == "li" else expected


def _shows_picture(item: Element) -> bool:
    return any(local_name(inner) in ALL_PICTURES for inner in item.iter())


def _read_item(element: Element, markup: Markup) -> _Item:
    item = _Item()
    _walk(element, item, markup)
    return item


def _walk(element: Element, item: _Item, markup: Markup) -> None:
    item.add_text(element.text)
    for child in markup.children(element):
        _take(child, item, markup)
        item.add_text(child.tail)


def _take(child: Element, item: _Item, markup: Markup) -> None:
    name = local_name(child)
    if child.tag is etree.Entity:
        item.flaw = item.flaw or f"a step uses {child.text}, which another file defines"
    if not name or name in markup.skipped:
        return
    if name in markup.lists:
        item.close_paragraph()
        nested = read_steps(child, markup)
        item.substeps.extend(nested.steps)
        item.flaw = item.flaw or nested.flaw
    elif name in markup.tables and (cells := framed_cells(child)) is not None:
        for cell in cells:
            item.close_paragraph()
            _walk(cell, item, markup)
        item.close_paragraph()
    elif name in markup.tables:
        item.flaw = item.flaw or "a step holds a table"
    elif name in markup.code and "\n" in "".join(child.itertext()).strip():
        item.flaw = item.flaw or "a step holds code of several lines"
    elif name == "include":
        item.flaw = item.flaw or "a step stands in another file that cannot be read"
    elif (text := markup.text_of(child)) is not None:
        item.current += text
        item.has_words = item.has_words or (name not in PICTURES and bool(text.strip()))
    elif name == "gui" and not inline_text(child, markup):
        item.flaw = item.flaw or "a step shows a picture where a label should be"
    elif name in markup.blocks or (name in markup.code and element_is_block(child)):
        item.close_paragraph()
        _walk(child, item, markup)
        item.close_paragraph()
    else:
        _walk(child, item, markup)


def framed_cells(table: Element) -> list[Element] | None:
    """The cells of a table that only frames a text, a note or a picture: one cell with text in two rows at most, next
    to which an icon or a word such as "Note" may stand. None for a table that holds a table's worth.
    """
    rows = [one for one in table.iter() if local_name(one) in ("tr", "row")]
    if len(rows) > 2:
        return None
    cells = [one for one in table.iter() if local_name(one) in ("td", "th", "entry")]
    if any(local_name(inner) in ("table", "informaltable") for inner in table.iterdescendants()):
        return None
    said = [cell for cell in cells if len(" ".join("".join(cell.itertext()).split())) > LONGEST_NOTE_WORD]
    return said if len(said) < 2 else None


def element_is_block(element: Element) -> bool:
    """Code counts as a paragraph of its own where no text surrounds it."""
    before = element.getprevious()
    text_before = (before.tail if before is not None else element.getparent().text) or ""
    return not text_before.strip() and not (element.tail or "").strip()


def inline_text(element: Element, markup: Markup) -> str:
    """All text of a heading or paragraph on one line."""
    item = _Item()
    _walk(element, item, markup)
    item.close_paragraph()
    return tidy(" ".join(item.parts + item.after or item.pictures))
