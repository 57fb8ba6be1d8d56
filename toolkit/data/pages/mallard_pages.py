"""Mallard pages (GNOME's help format): pages and sections with `<steps>`.

Content for a particular platform (`if:test`, `if:when`) is left out where there is a general form of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from toolkit.data.pages.markup_items import Element, Markup, inline_text, local_name, read_steps
from toolkit.data.pages.sections import Section
from toolkit.data.pages.xml_files import xml_parser
from toolkit.data.words.task_words import words

NAMESPACE = "{http://projectmallard.org/1.0/}"
IF_TEST = "{http://projectmallard.org/if/1.0/}test"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
NOT_GENERAL = ("platform:", "action:", "target:mobile")


def read_mallard(page: Element, path: Path) -> list[Section]:
    """The titled sections of a page; links to other pages are read in the folder of `path`."""
    markup = mallard_markup(page, path.parent)
    language = page.get(XML_LANG, "")
    group = mallard_group(page, path)
    sections: list[Section] = []
    for element in (page, *page.iter(f"{NAMESPACE}section")):
        if (section := _read_section(element, markup, language)) is not None:
            section.group = group
            sections.append(section)
    return sections


def mallard_group(page: Element, path: Path) -> str:
    """What a page and its translations have in common."""
    return f"mallard:{page.get('id') or path.stem}"


def mallard_markup(page: Element, folder: Path) -> Markup:
    """Which elements mean what; links to other pages are read in `folder`."""

    def text_of(element: Element) -> str | None:
        name = local_name(element)
        if name == "media":
            return inline_text(element, markup)  # the words that stand for a picture, if the author gave some
        if name == "guiseq":
            return " > ".join(inline_text(child, markup) for child in _general(element))
        if name == "keyseq":
            return "+".join(inline_text(child, markup) for child in _general(element))
        if name == "link" and not "".join(element.itertext()).strip():
            return _linked_title(element, folder, page)
        return None

    markup = Markup(
        lists=frozenset({"steps", "list", "terms", "tree"}),
        items=frozenset({"item"}),
        blocks=words("p note quote example synopsis"),
        code=frozenset({"code", "screen", "listing"}),
        tables=frozenset({"table"}),
        skipped=words("figure desc info comment title"),
        text_of=text_of,
        children=_general,
    )
    return markup


def _general(element: Element) -> Iterator[Element]:
    """Children that hold for every platform: if:choose gives its general alternative."""
    for child in element:
        name = local_name(child)
        conditions = child.get(IF_TEST, child.get("test", "")).split()
        if name != "when" and not any(condition.startswith(NOT_GENERAL) for condition in conditions):
            yield child


def _linked_title(element: Element, folder: Path, page: Element) -> str:
    """What a link without text shows: the title of the page or section it leads to, else the bare address."""
    target_page, _, section = element.get("xref", "").partition("#")
    file = folder / f"{Path(target_page).name}.page"
    try:
        tree = etree.fromstring(file.read_bytes(), xml_parser()) if target_page and file.is_file() else page
    except etree.XMLSyntaxError:
        return ""
    holder = (
        next((node for node in tree.iter(f"{NAMESPACE}section") if node.get("id") == section), None)
        if section
        else tree
    )
    title = holder.find(f"{NAMESPACE}title") if holder is not None and element.get("xref") else None
    return _title_text(title) if title is not None else element.get("href", "")


def _read_section(element: Element, markup: Markup, language: str) -> Section | None:
    title = element.find(f"{NAMESPACE}title")
    if title is None:
        return None
    own_language = next(
        (node.get(XML_LANG) for node in (element, *element.iterancestors()) if node.get(XML_LANG)), language
    )
    section = Section(_title_text(title), element.sourceline or 0, own_language)
    _take_children(element, section, markup)
    return section


def _title_text(title: Element) -> str:
    return " ".join("".join(title.itertext()).split())


def _take_children(element: Element, section: Section, markup: Markup) -> None:
    for child in _general(element):
        name = local_name(child)
        if name == "steps":
            steps = read_steps(child, markup)
            own_title = child.find(f"{NAMESPACE}title")
            steps.caption = _title_text(own_title) if own_title is not None else section.caption()
            section.add_list(steps)
        elif name == "p":
            section.last_paragraph = inline_text(child, markup)
            section.has_text = True
        elif name in {"choose", "else", "if", "div", "listing", "example"}:
            _take_children(child, section, markup)
        elif name in {"note", "list", "terms", "table", "code", "screen"}:
            section.has_text = True
