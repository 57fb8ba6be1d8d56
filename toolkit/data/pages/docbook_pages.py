"""DocBook 4 and 5: procedures and ordered lists under the titles of chapters, sections and tasks, and the entries of a
qandaset.
"""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.data.pages.markup_items import Element, Markup, inline_text, local_name, read_steps
from toolkit.data.pages.sections import Section
from toolkit.data.words.task_words import words

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
TITLED = words(
    "book article chapter appendix preface part section sect1 sect2 sect3 sect4 sect5 simplesect refsect1 refsect2"
    " refsection topic task qandaset qandadiv"
)
LISTS = frozenset({"procedure", "orderedlist"})
TRANSPARENT = words(
    "para formalpara note tip important example informalexample sidebar blockquote tasksummary taskprerequisites answer"
)
NO_TEXT = words("info title titleabbrev indexterm bookinfo chapterinfo sectioninfo articleinfo sect1info toc index")


def read_docbook(page: Element) -> list[Section]:
    """The titled sections of a document in its order; a procedure with a title of its own is a section."""
    sections: list[Section] = []
    markup = docbook_markup(page)
    _walk(page, sections, None, markup, page.get(XML_LANG) or page.get("lang") or "")
    return sections


def docbook_markup(page: Element) -> Markup:
    """Which elements mean what; references are resolved within the page."""

    def text_of(element: Element) -> str | None:
        name = local_name(element)
        if name == "menuchoice":
            return " > ".join(
                inline_text(child, markup) for child in element if local_name(child) not in {"shortcut", ""}
            )
        if name == "keycombo":
            return "+".join(inline_text(child, markup) for child in element if local_name(child))
        if name == "quote":
            return f'"{inline_text(element, markup)}"' if len(element) == 0 else None
        if name in {"xref", "link"} and not "".join(element.itertext()).strip():
            return _linked_title(element, page, markup)
        return None

    markup = Markup(
        lists=words("orderedlist itemizedlist procedure substeps stepalternatives"),
        items=words("listitem step"),
        blocks=words(
            "para simpara formalpara note tip warning caution important example informalexample blockquote result"
            " stepresult title"
        ),
        code=words("programlisting screen synopsis literallayout"),
        tables=words("table informaltable simplelist segmentedlist"),
        skipped=words("indexterm footnote remark info imageobject videoobject audioobject caption"),
        text_of=text_of,
        children=lambda element: iter(element),
    )
    return markup


def _linked_title(element: Element, page: Element, markup: Markup) -> str:
    """What a reference without text shows: the title of what it leads to, else the address."""
    target = element.get("linkend", "")
    for holder in page.iter() if target else ():
        if target in (holder.get("id"), holder.get(XML_ID)):
            title = _title_of(holder)
            return inline_text(title, markup) if title is not None else ""
    return str(element.get("{http://www.w3.org/1999/xlink}href") or element.get("url") or "")


def _title_of(element: Element) -> Element | None:
    for child in element:
        if local_name(child) == "title":
            return child
        if local_name(child).endswith("info"):
            title = next((inner for inner in child if local_name(inner) == "title"), None)
            if title is not None:
                return title
    return None


def _walk(element: Element, sections: list[Section], current: Section | None, markup: Markup, language: str) -> None:
    language = element.get(XML_LANG) or element.get("lang") or language
    title = _title_of(element)
    if local_name(element) in TITLED and title is not None:
        current = _open(title, sections, markup, language)
    for child in element:
        name = local_name(child)
        if not name or name in NO_TEXT:
            continue
        if name == "qandaentry":
            _entry(child, sections, markup, language)
        elif name in LISTS:
            _take_list(child, sections, current, markup, language)
        elif name in TITLED or (name in TRANSPARENT and _holds_list(child)):
            if name == "para" and current is not None and (lead := " ".join((child.text or "").split())):
                current.last_paragraph, current.has_text = lead, True
            _walk(child, sections, current, markup, language)
        elif current is not None and (text := inline_text(child, markup)):
            current.has_text = True
            current.last_paragraph = text if name in {"para", "simpara"} else ""


def _open(title: Element, sections: list[Section], markup: Markup, language: str) -> Section:
    section = Section(inline_text(title, markup), title.sourceline or 0, language)
    sections.append(section)
    return section


def _entry(entry: Element, sections: list[Section], markup: Markup, language: str) -> None:
    question = next((child for child in entry if local_name(child) == "question"), None)
    if question is None:
        return
    section = _open(question, sections, markup, language)
    for answer in _named(entry, "answer"):
        _walk(answer, sections, section, markup, language)


def _named(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if local_name(child) == name)


def _holds_list(element: Element) -> bool:
    return any(local_name(inner) in LISTS for inner in element.iter())


def _take_list(
    element: Element, sections: list[Section], current: Section | None, markup: Markup, language: str
) -> None:
    title = _title_of(element)
    if title is not None and local_name(element) == "procedure":
        current = _open(title, sections, markup, language)
    if current is None:
        return
    steps = read_steps(element, markup)
    steps.caption = inline_text(title, markup) if title is not None else current.caption()
    goes_on = element.get("continuation") == "continues"
    current.add_list(steps, len(current.lists[-1].steps) + 1 if goes_on and current.lists else 1)
