"""HTML pages as titled sections, read by their structure first.

In this order: JSON-LD (FAQPage, QAPage, HowTo), the thread of a forum, then the page itself (`html_walk`: microdata,
headings with the lists below them, details, dt and dd, accordions). A page on which none of these finds steps is read
as plain text, of which resiliparse keeps the main content.
"""

from __future__ import annotations

import re

from toolkit.data.pages.html_data import read_json_ld
from toolkit.data.pages.html_forum import read_thread
from toolkit.data.pages.html_markup import language_of, parse_html
from toolkit.data.pages.html_walk import Walker
from toolkit.data.pages.markup_items import Element
from toolkit.data.pages.sections import Section
from toolkit.data.pages.text_pages import read_plain_text, step_lists_of_text


def read_html(text: str, language: str = "") -> list[Section]:
    """The titled sections of a page in document order, with the language of the nearest `lang`.

    `language`: the one to judge titles by where the page names none.

    Raises:
        RecursionError: elements are nested more deeply than libxml2 or Python follow.
    """
    root = parse_html(text)
    if root is None:
        return []
    described = _described(root, language) if "ld+json" in text else []
    walker = Walker(root, language)
    visible = read_thread(root, text, language) or walker.read()
    if not visible and _promoted(root):
        walker = Walker(root, language)
        visible = walker.read()
    sections = _merge(described, visible)
    if walker.saw_typed_number and not any(section.lists for section in sections):
        return _typed(text, root, language) or sections
    return sections


def _promoted(root: Element) -> bool:
    """Make headings of paragraphs that are bold as a whole, on a page without any; whether there were some."""
    titles = [
        paragraph
        for paragraph in root.iter("p")
        if len(paragraph) == 1
        and paragraph[0].tag in ("b", "strong")
        and not ((paragraph.text or "") + (paragraph[0].tail or "")).strip()
        and "".join(paragraph.itertext()).strip()
    ]
    for paragraph in titles:
        paragraph.tag = "h2"
    return bool(titles)


def read_answer(title: str, answer: str, line: int, language: str) -> list[Section]:
    """The sections of an answer that came as HTML or plain text, the first under `title`."""
    section = Section(title, line, language)
    if not re.search(r"<(?:ol|ul|p|br|div|li|h\d)\b", answer, re.IGNORECASE):
        section.has_text = bool(answer.strip())
        section.lists = step_lists_of_text(answer)
        return [section]
    root = parse_html(answer)
    if root is None:
        return [section]
    sections = Walker(root, language).read_below(section)
    if not any(found.lists for found in sections):
        section.lists = step_lists_of_text(_lines(root))
    return sections


def _described(root: Element, language: str) -> list[Section]:
    language = language_of(root, language)
    sections: list[Section] = []
    for section, answer in read_json_ld(root):
        section.language = section.language or language
        sections.extend(read_answer(section.title, answer, section.line, section.language) if answer else [section])
    return sections


def _merge(described: list[Section], visible: list[Section]) -> list[Section]:
    """Both, without what the page shows a second time; of two sections of one title the one with steps counts."""
    if not described:
        return visible
    told = {_key(section) for section in described if section.lists}
    shown = {_key(section) for section in visible if section.lists} - told
    only_described = [section for section in described if section.lists or _key(section) not in shown]
    told |= {_key(section) for section in only_described}
    return [*only_described, *(section for section in visible if _key(section) not in told)]


def _key(section: Section) -> str:
    return " ".join(re.findall(r"\w+", section.title.lower()))


def _typed(text: str, root: Element, language: str) -> list[Section]:
    """Steps whose numbers are typed into the text, found in the main content."""
    from resiliparse.extract.html2text import extract_plain_text

    language = language_of(root, language)
    sections = read_plain_text(
        extract_plain_text(text, main_content=True, list_bullets=True, alt_texts=False, preserve_formatting=True)
    )
    title = root.findtext(".//h1") or root.findtext(".//title") or ""
    for section in sections:
        section.title = section.title or " ".join(title.split())
        section.language = language
    return sections if any(section.lists and section.title for section in sections) else []


def _lines(root: Element) -> str:
    """Text of an answer with a line for each paragraph and line break."""
    for element in root.iter("br", "p", "div", "li"):
        element.tail = f"\n{element.tail or ''}"
    return "".join(root.itertext())
