"""What the elements of an HTML page mean: which hold steps, which are titles, which are furniture of the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from lxml import etree

from toolkit.data.pages.markup_items import Element, Markup, local_name
from toolkit.data.words.task_words import words

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
ASIDE = words(
    "nav header footer aside script style noscript template form table pre code svg iframe head button select"
)
ASIDE_ROLES = words("navigation banner contentinfo search dialog alertdialog")
ASIDE_NAME = re.compile(
    r"cookie|consent|breadcrumb|navbar|sidebar|\btoc\b|footer|site-?menu|skip-?link|\bcolist\b|calloutlist|pagination"
    r"|(?:^|\s)(?:menu|nav|footnotes?|figure|mediaobject|screenshot|attachments?|page-metadata)(?:\s|$)",
    re.IGNORECASE,
)
# Marks for readers of the page, not words of it: links to a heading itself, captions of pictures.
UNSAID = re.compile(
    r"(?:^|\s)(?:headerlink|header-anchor|anchor-?link|permalink|heading-anchor|footnote-?(?:ref|reference)?|figure"
    r"|mediaobject|figure-title|caption|caption-text|figcaption|wp-caption-text|conum|callout|screen-reader-text|sr-only"
    r"|copybtn|edit-section|mw-editsection)(?:\s|$)",
    re.IGNORECASE,
)
PERMALINK_SIGNS = frozenset({"#", "¶", "§", "🔗", "⚓", "∞", "↩", "↑"})
LONGEST_LABEL = 40  # characters of an alternative text that can be the label of a button
XML_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def _children(element: Element) -> Iterator[Element]:
    """What is seen of a paragraph or item. Of wordings that are all hidden, for a script to show one, the last is the
    general one.
    """
    children = list(element)
    shown = [child for child in children if child.get("hidden") is None]
    if shown or not children or (element.text and not element.text.isspace()):
        return iter(shown)
    return iter(children[-1:])


def _text_of(element: Element) -> str | None:
    """An icon stands for its alternative text, `Tap <img alt="Settings">`; one that describes a picture is not said."""
    name = local_name(element)
    if name == "br":
        return " "
    if name == "img":
        alt = element.get("alt", "")
        return alt if len(alt) <= LONGEST_LABEL and "." not in alt.strip(".") else ""
    if name == "a" and _is_permalink(element):
        return ""
    classes = element.get("class")
    return "" if classes and _is_unsaid(classes) else None


def _is_permalink(link: Element) -> bool:
    """Whether a link to a place of its own page shows nothing but a sign."""
    return link.get("href", "").startswith("#") and "".join(link.itertext()).strip() in PERMALINK_SIGNS


@lru_cache(maxsize=4096)
def _is_unsaid(classes: str) -> bool:
    return bool(UNSAID.search(classes))


MARKUP = Markup(
    lists=frozenset({"ol", "ul"}),
    items=frozenset({"li"}),
    blocks=words("p div section article blockquote figure figcaption dl dt dd details summary h1 h2 h3 h4 h5 h6"),
    code=frozenset({"pre"}),
    tables=frozenset({"table"}),
    skipped=words("script style noscript template svg video audio iframe figcaption"),
    text_of=_text_of,
    children=_children,
)
TITLE_MARKUP = replace(MARKUP, skipped=MARKUP.skipped | words("ol ul dl details table"))


def parse_html(text: str) -> Element | None:
    """The tree of a page or fragment; None for one without any element.

    Raises:
        RecursionError: elements are nested more deeply than libxml2 or Python follow.
    """
    if declaration := XML_DECLARATION.match(text):
        text = text[declaration.end() :]
    parser = etree.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = etree.fromstring(text, parser)
    except etree.XMLSyntaxError:  # lxml's word for a page without any element
        return None
    if any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log):
        raise RecursionError  # libxml2 drops what is deeper without raising
    return root


def language_of(element: Element, around: str) -> str:
    return element.get("lang") or element.get(XML_LANG) or around


def is_aside(element: Element, name: str) -> bool:
    """Whether an element is furniture. Being hidden does not make it so: panels of accordions, tabs and platforms are
    hidden until asked for.
    """
    return (
        name in ASIDE
        or element.get("role") in ASIDE_ROLES
        or _names_furniture(f"{element.get('class', '')} {element.get('id', '')}")
    )


@lru_cache(maxsize=4096)
def _names_furniture(class_and_id: str) -> bool:
    return bool(ASIDE_NAME.search(class_and_id))
