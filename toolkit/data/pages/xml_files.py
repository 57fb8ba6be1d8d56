"""XML files from anywhere, read without harm: nothing is fetched, libxml2 stops entity bombs, and entities and XInclude
are followed only to files below the source folder. An entity that nothing defines becomes its name."""

from __future__ import annotations

import copy
import re
from html.entities import name2codepoint
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lxml import etree

from toolkit.data.pages.confluence_pages import ROOT
from toolkit.data.pages.markup_items import Element, local_name
from toolkit.data.words.task_words import words

XINCLUDE = "{http://www.w3.org/2001/XInclude}include"
DOCBOOK_ROOTS = words(
    "book article chapter appendix preface section sect1 sect2 sect3 part set reference refentry topic simplesect"
    " procedure task qandaset"
)
LARGEST_INCLUDE = 5_000_000
UNDEFINED = re.compile(r"Entity '([^']+)' not defined")
MOST_UNDEFINED = 200
# A file that stands for an entity: `<!ENTITY legal SYSTEM "legal.xml">`.
EXTERNAL = re.compile(rb"""<!ENTITY\s+([\w.:-]+)\s+(?:SYSTEM|PUBLIC\s+(?:"[^"]*"|'[^']*'))\s+("[^"]*"|'[^']*')\s*>""")
# What a file that is read in place of an entity may not begin with, and often does.
HEAD = re.compile(rb"""\A\s*<\?xml(?:(?!encoding)[^>])*\?>\s*(?:<!DOCTYPE[^\[>]*>)?|\A\s*<!DOCTYPE[^\[>]*>""")


def read_xml(raw: bytes, path: Path, root: Path) -> Element:
    """The tree of a file with its includes in place; `root` is the folder beyond which nothing is read.

    Raises:
        lxml.etree.XMLSyntaxError: not well-formed, or entities that grow beyond libxml2's limits.
    """
    try:
        page = etree.fromstring(raw, xml_parser())
        defined_elsewhere = any(node.tag is etree.Entity for node in page.iter())
    except etree.XMLSyntaxError as error:
        if "not defined" not in str(error):
            raise
        defined_elsewhere = True
    if defined_elsewhere:
        page = _with_entities(raw, path, root)
    _include(page, path, root)
    return page


def _with_entities(raw: bytes, path: Path, root: Path) -> Element:
    """The tree with the entities that files below `root` define; those that nothing defines become their names."""
    files = _FilesBelow(root)
    parser = _parser(resolve_entities=True, load_dtd=True)
    parser.resolvers.add(files)
    raw = EXTERNAL.sub(lambda found: found[0] if files.at(path.parent / _path_in(found[2])) else b"", raw)
    page = None
    while page is None:
        try:
            page = etree.fromstring(files.named(raw), parser, base_url=path.resolve().as_uri())
        except etree.XMLSyntaxError as error:
            unknown = UNDEFINED.search(str(error))
            if unknown is None or unknown[1] in files.undefined or len(files.undefined) == MOST_UNDEFINED:
                raise
            files.undefined.add(unknown[1])
    for node in list(page.iter(etree.Entity)):
        _replace_by_text(node, _name_of(node.name))
    return page


class _FilesBelow(etree.Resolver):
    """Gives a parser the files below a folder, and nothing in place of all others. `undefined`: entities to be read as
    their names, in these files as well.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root.resolve()
        self.undefined: set[str] = set()

    def named(self, text: bytes) -> bytes:
        for entity in self.undefined:
            text = text.replace(b"&%s;" % entity.encode(), _name_of(entity).encode("ascii", "xmlcharrefreplace"))
        return text

    def at(self, path: Path) -> Path | None:
        """The file, if it may be read."""
        file = path.resolve()
        is_ours = file.is_relative_to(self.root) and file.is_file() and file.stat().st_size <= LARGEST_INCLUDE
        return file if is_ours else None

    # lxml-stubs lacks the context that lxml gives and wants back.
    def resolve(self, system_url: str, public_id: str, context: Any) -> Any:  # type: ignore[override]
        address = urlsplit(system_url or "")
        is_local = address.scheme in ("", "file") and not address.netloc
        if is_local and (file := self.at(Path(unquote(address.path).replace("\0", "")))):
            text = self.named(HEAD.sub(b"", file.read_bytes(), count=1))
            return self.resolve_string(text, context, base_url=file.as_uri())
        # After resolve_empty lxml would go on to read the file itself.
        return self.resolve_string(" ", context, base_url=system_url)


def _path_in(quoted: bytes) -> str:
    return unquote(quoted[1:-1].decode("utf-8", "replace")).replace("\0", "")


def _name_of(entity: str) -> str:
    """The character of `nbsp` and the like; other entities are called what their authors called them."""
    code = name2codepoint.get(entity)
    return chr(code) if code else entity


def _replace_by_text(node: Element, text: str) -> None:
    before, parent = node.getprevious(), node.getparent()
    text += node.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    node.tail = None
    parent.remove(node)


def xml_parser() -> etree.XMLParser:
    # "internal" is lxml >= 5's word for entities of the file itself; lxml-stubs knows only booleans.
    return _parser(resolve_entities="internal", load_dtd=False)


def _parser(resolve_entities: Any, load_dtd: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=resolve_entities,
        no_network=True,
        load_dtd=load_dtd,
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
