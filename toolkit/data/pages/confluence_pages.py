"""Space exports of Confluence (entities.xml) as HTML pages: each current page's title and body.

A body is written in Confluence's storage format: HTML with macros and links as elements of the spaces `ac` and `ri`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from toolkit.data.pages.markup_items import Element

ROOT = "hibernate-generic"
PAGES = frozenset({"Page", "BlogPost"})
PARAMETER = re.compile(r"<ac:(parameter|task-id|task-status)\b[^>]*>.*?</ac:\1>", re.DOTALL)
LINK = re.compile(r"<ac:link\b[^>]*>(.*?)</ac:link>", re.DOTALL)
LINK_TEXT = re.compile(r"<ac:(?:plain-text-)?link-body>(.*?)</ac:(?:plain-text-)?link-body>", re.DOTALL)
LINKED_TITLE = re.compile(r"\bri:content-title=\"([^\"]*)\"")
CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]\s*>", re.DOTALL)
OWN_TAG = re.compile(r"</?(?:ac|ri):[^>]*>")


def confluence_to_html(entities: Element) -> Iterator[str]:
    """The pages of an export in its order; drafts and earlier versions of a page are not among them."""
    titles: dict[str, str] = {}
    bodies: dict[str, str] = {}
    for item in entities.iter("object"):
        values = {str(child.get("name")): child for child in item if child.tag in ("id", "property")}
        if item.get("class") in PAGES and _is_current(values):
            titles[_text(values, "id")] = _text(values, "title")
        elif item.get("class") == "BodyContent" and "content" in values:
            owner = "".join(values["content"].itertext()).strip()
            bodies[owner] = _text(values, "body")
    for number, title in titles.items():
        yield f"<html><body><h1>{escape(title)}</h1>{_as_html(bodies.get(number, ''))}</body></html>"


def _is_current(values: dict[str, Element]) -> bool:
    is_older = "".join(values["originalVersion"].itertext()).strip() if "originalVersion" in values else ""
    return not is_older and _text(values, "contentStatus") in ("current", "")


def _text(values: dict[str, Element], name: str) -> str:
    return (values[name].text or "").strip() if name in values else ""


def _as_html(body: str) -> str:
    """Macros as what is written in them, links as their texts or the title that they lead to."""
    body = LINK.sub(_link, PARAMETER.sub("", body))
    return OWN_TAG.sub("", CDATA.sub(lambda match: escape(match[1]), body))


def _link(match: re.Match[str]) -> str:
    if written := LINK_TEXT.search(match[1]):
        return written[1]
    title = LINKED_TITLE.search(match[1])
    return title[1] if title else ""
