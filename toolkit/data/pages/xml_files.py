"""XML files from anywhere, read without harm: nothing is fetched, external entities stay unread, libxml2 stops entity
bombs, and XInclude is followed only to whole files below the source folder."""

from __future__ import annotations

import copy
import re
from html.entities import name2codepoint
from pathlib import Path
from typing import Any

from lxml import etree

from toolkit.data.pages.confluence_pages import ROOT
from toolkit.data.pages.markup_items import Element, local_name
from toolkit.data.words.task_words import words

XINCLUDE = "{http://www.w3.org/2001/XInclude}include"
DOCBOOK_ROOTS = words(
    "book article chapter appendix preface section sect1 sect2 sect3 part set reference refentry topic simplesect"
    " procedure task qandaset"
)
XML_ENTITIES = frozenset({b"lt", b"gt", b"amp", b"quot", b"apos"})
LARGEST_INCLUDE = 5_000_000


def read_xml(raw: bytes, path: Path, root: Path) -> Element:
    """The tree of a file with its includes in place; `root` is the folder beyond which nothing is read.

    Raises:
        lxml.etree.XMLSyntaxError: not well-formed, or entities that grow beyond libxml2's limits.
    """
    try:
        page = etree.fromstring(raw, xml_parser())
    except etree.XMLSyntaxError as error:
        if "not defined" not in str(error):
            raise
        page = etree.fromstring(_with_known_entities(raw), xml_parser())
    _include(page, path, root)
    return page


def _with_known_entities(raw: bytes) -> bytes:
    """The file with `&nbsp;` and the like as numbers: DocBook's document type, which is not loaded, defines them."""
    return re.sub(rb"&([A-Za-z]\w{1,10});", _as_number, raw)


def _as_number(match: re.Match[bytes]) -> bytes:
    code = None if match[1] in XML_ENTITIES else name2codepoint.get(match[1].decode())
    return match[0] if code is None else b"&#%d;" % code


def xml_parser() -> etree.XMLParser:
    # "internal" is lxml >= 5's word for entities of the file itself; lxml-stubs knows only booleans.
    internal: Any = "internal"
    return etree.XMLParser(
        resolve_entities=internal,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def xml_kind(page: Element, file: Path) -> str:
    """ "mallard", "docbook", "confluence", or "" for other XML and for parts that other files include."""
    if file.suffix.lower() == ".page":
        return "mallard"
    if page.tag == ROOT:
        return "confluence"
    if "projectmallard.org" in str(page.tag):
        return "mallard" if local_name(page) == "page" else ""
    in_docbook = "docbook.org" in str(page.tag) or not str(page.tag).startswith("{")
    return "docbook" if in_docbook and local_name(page) in DOCBOOK_ROOTS else ""


def _include(page: Element, path: Path, root: Path) -> None:
    """Put included files in place, one level deep; an include that cannot be followed stays, and spoils its list."""
    for include in list(page.iter(XINCLUDE)):
        target = (path.parent / include.get("href", "").replace("\0", "")).resolve()
        if (
            include.get("xpointer")
            or include.get("parse", "xml") != "xml"
            or not target.is_relative_to(root.resolve())
            or not target.is_file()
        ):
            continue
        if target.stat().st_size > LARGEST_INCLUDE or include.getparent() is None:
            continue
        try:
            included = etree.fromstring(target.read_bytes(), xml_parser())
        except etree.XMLSyntaxError:
            continue
        included.tail = include.tail
        include.getparent().replace(include, copy.deepcopy(included))
