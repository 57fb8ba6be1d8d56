"""HTML help pages, read by their structure: headings with ordered lists, details and summary, dt and dd.

Navigation, headers, footers, cookie notes, tables and code blocks hold no how-tos. Not covered: JSON-LD and microdata,
accordions made of buttons, unordered lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lxml import etree, html

from toolkit.data.markup_items import Element, Markup, inline_text, local_name, read_steps
from toolkit.data.sections import Section
from toolkit.data.task_words import words

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
ASIDE = words("nav header footer aside script style noscript template form table pre code svg iframe head button select")
ASIDE_ROLES = words("navigation banner contentinfo search dialog alertdialog")
ASIDE_NAME = re.compile(r"cookie|consent|breadcrumb|navbar|sidebar|\btoc\b|footer|site-?menu|skip-?link", re.IGNORECASE)


def _children(element: Element) -> Iterator[Element]:
    yield from element


def _text_of(element: Element) -> str | None:
    """An icon stands for its alternative text: `Tap <img alt="Settings">`."""
    name = local_name(element)
    return " " if name == "br" else element.get("alt", "") if name == "img" else None


MARKUP = Markup(
    lists=frozenset({"ol", "ul"}),
    items=frozenset({"li"}),
    blocks=words("p div section article blockquote figure figcaption dl dt dd details summary h1 h2 h3 h4 h5 h6"),
    code=frozenset({"pre"}),
    tables=frozenset({"table"}),
    skipped=words("script style noscript template svg video audio iframe"),
    text_of=_text_of,
    children=_children,
)
TITLE_MARKUP = replace(MARKUP, skipped=MARKUP.skipped | words("ol ul dl details table"))


def read_html(text: str) -> list[Section]:
    """The titled sections of a page in document order, with the language of the nearest `lang`.

    Raises:
        RecursionError: elements are nested more deeply than libxml2 or Python follow.
    """
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    parser = html.HTMLParser(no_network=True, remove_comments=True, huge_tree=False)
    try:
        root = html.document_fromstring(text, parser=parser)
    except etree.ParserError:  # lxml's word for a page without any element
        return []
    if any("depth" in entry.message for entry in parser.error_log):  # libxml2 drops what lies deeper without raising
        raise RecursionError
    reader = _Reader()
    reader.walk(root, "")
    return reader.sections


class _Reader:
    """Walks a page; `current` is the section that what comes next belongs to."""

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.current: Section | None = None

    def walk(self, element: Element, language: str) -> None:
        language = element.get("lang") or element.get("{http://www.w3.org/XML/1998/namespace}lang") or language
        name = local_name(element)
        if not name or _is_aside(element, name):
            return
        if name in HEADINGS:
            self.current = self._open(element, language)
            for child in element.iterchildren("ol", "details", "dl"):  # a heading without its end tag swallows what follows
                self.walk(child, language)
        elif name == "details":
            self._answer(element, element.find("summary"), language)
        elif name == "dl":
            self._definitions(element, language)
        elif name == "ol":
            self._take_list(element)
        elif name in {"p", "ul", "blockquote"} and not element.findall(".//ol"):
            self._take_text(element)
        else:
            for child in element:
                self.walk(child, language)
                self._stray_text(child.tail)

    def _open(self, title: Element, language: str) -> Section:
        section = Section(inline_text(title, TITLE_MARKUP), title.sourceline or 0, language)
        self.sections.append(section)
        return section

    def _answer(self, element: Element, title: Element | None, language: str) -> None:
        """A title with its own content, after which the section around it goes on."""
        around = self.current
        if title is not None:
            self.current = self._open(title, title.get("lang") or language)
            self._stray_text(title.tail)
        for child in element:
            if child is not title:
                self.walk(child, language)
                self._stray_text(child.tail)
        self.current = around

    def _definitions(self, element: Element, language: str) -> None:
        around = self.current
        language = element.get("lang") or language
        for child in element.iter("dt", "dd"):
            if next(child.iterancestors("dl")) is not element:
                continue
            if local_name(child) == "dt":
                self.current = self._open(child, child.get("lang") or language)
            else:
                self._stray_text(child.text)
                for inner in child:
                    self.walk(inner, child.get("lang") or language)
        self.current = around

    def _take_list(self, element: Element) -> None:
        if self.current is None:
            return
        steps = read_steps(element, MARKUP)
        steps.caption = self.current.caption()
        start = element.get("start", "1")
        self.current.add_list(steps, int(start) if start.isdigit() else 1)

    def _take_text(self, element: Element) -> None:
        if self.current is not None and (text := inline_text(element, MARKUP)):
            self.current.has_text = True
            self.current.last_paragraph = text

    def _stray_text(self, text: str | None) -> None:
        if self.current is not None and text and text.strip():
            self.current.has_text = True


def _is_aside(element: Element, name: str) -> bool:
    return (
        name in ASIDE
        or element.get("role") in ASIDE_ROLES
        or element.get("hidden") is not None
        or bool(ASIDE_NAME.search(f"{element.get('class', '')} {element.get('id', '')}"))
    )
