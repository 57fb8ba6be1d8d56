"""Documents of office programs and of writers' tools as HTML pages: Word, EPUB, reStructuredText and AsciiDoc.

Each becomes HTML first, so that one reader of pages decides what a task and a step are.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from lxml import etree

from toolkit.data.pages.asciidoc_pages import asciidoc_to_html

LARGEST_PAGE = 50_000_000
MOST_PAGES = 5_000
WORD_STYLES = "\n".join(
    [
        "p[style-name='Title'] => h1:fresh",
        "p[style-name='Subtitle'] => p:fresh",
        "p[style-name='List Number'] => ol > li:fresh",
        "p[style-name='List Number 2'] => ol|ul > li > ol > li:fresh",
        "p[style-name='List Bullet'] => ul > li:fresh",
    ]
)
HTML_TAG = re.compile(r"<html\b[^>]*>")
CONTAINER = "META-INF/container.xml"


class UnreadableDocument(Exception):
    """A document that cannot be read, with the reason for the ledger."""


def html_pages(raw: bytes, suffix: str, decode: Callable[[bytes], str]) -> list[tuple[str, str]]:
    """The pages of a document as (name within it, HTML); most documents are one page without a name.

    Raises:
        UnreadableDocument: damaged, locked, or larger than it may be.
    """
    if suffix == ".docx":
        return [("", _word(raw))]
    if suffix == ".epub":
        return _epub(raw)
    return [("", _restructured(decode(raw)) if suffix == ".rst" else asciidoc_to_html(decode(raw)))]


def _word(raw: bytes) -> str:
    import mammoth

    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as members:
            _check_size(members)
        done = mammoth.convert_to_html(
            io.BytesIO(raw), style_map=WORD_STYLES, convert_image=mammoth.images.img_element(_no_picture)
        )
    except UnreadableDocument:
        raise
    except Exception as error:  # mammoth lets through whatever its parsers raise, and what a damaged part leads to
        raise UnreadableDocument(f"not a readable Word document ({str(error)[:80] or type(error).__name__})") from None
    return f"<html><body>{done.value}</body></html>"


def _no_picture(image: Any) -> dict[str, str]:
    """A picture as its alternative text alone: its bytes would become part of the page."""
    return {"src": "", "alt": ""}


def _check_size(members: zipfile.ZipFile) -> None:
    if sum(member.file_size for member in members.infolist()) > 4 * LARGEST_PAGE:
        raise UnreadableDocument(f"the document unpacks to more than {4 * LARGEST_PAGE:,} bytes")


def _epub(raw: bytes) -> list[tuple[str, str]]:
    """The pages of a book in the order of its spine."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as members:
            _check_size(members)
            names = set(members.namelist())
            chosen = [found for name in _spine(members) if (found := name if name in names else unquote(name)) in names]
            if not chosen:
                raise UnreadableDocument("not a readable EPUB (its spine names no page that is in it)")
            return [(name, _page(members.read(name))) for name in chosen[:MOST_PAGES]]
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, zlib.error, RuntimeError) as error:
        raise UnreadableDocument(f"not a readable EPUB ({str(error)[:80] or type(error).__name__})") from None
    except etree.XMLSyntaxError as error:
        raise UnreadableDocument(f"not a readable EPUB ({error.msg})") from None


def _spine(members: zipfile.ZipFile) -> list[str]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    container: Any = etree.fromstring(members.read(CONTAINER), parser)
    package_name = str(next(iter(container.xpath("//*[local-name()='rootfile']/@full-path")), ""))
    package: Any = etree.fromstring(members.read(package_name), parser)
    pages = {
        str(item.get("id")): posixpath.normpath(posixpath.join(posixpath.dirname(package_name), item.get("href", "")))
        for item in package.xpath("//*[local-name()='manifest']/*[local-name()='item']")
        if "html" in str(item.get("media-type"))
    }
    order = package.xpath("//*[local-name()='spine']/*[local-name()='itemref']/@idref")
    return [pages[str(one)] for one in order if str(one) in pages]


def _page(raw: bytes) -> str:
    return raw[:LARGEST_PAGE].decode("utf-8-sig", "replace")


def _restructured(text: str) -> str:
    """No file is included and nothing raw is passed through; what docutils does not know (Sphinx's roles) is text."""
    from docutils.core import publish_string
    from docutils.utils import SystemMessage

    settings = {
        "file_insertion_enabled": False,
        "raw_enabled": False,
        "report_level": 5,
        "halt_level": 5,
        "embed_stylesheet": False,
        "stylesheet_path": None,
        "doctitle_xform": False,
        "sectsubtitle_xform": False,
        "smart_quotes": False,
        "syntax_highlight": "none",
        "output_encoding": "unicode",
        "line_length_limit": 100_000,
    }
    try:
        page = str(publish_string(_without_sphinx(text), writer="html5", settings_overrides=settings))
        return HTML_TAG.sub("<html>", page, count=1)  # docutils calls every text English
    except (SystemMessage, RecursionError, ValueError, AttributeError, TypeError) as error:
        raise UnreadableDocument(f"not readable reStructuredText ({str(error)[:80]})") from None


ROLE = re.compile(r":[\w:+.-]+:`([^`<]*?)(?:\s*<[^`>]*>)?`")
NOTE_DIRECTIVES = re.compile(r"^(\s*)\.\. (?:seealso|versionadded|versionchanged|deprecated|todo)::(.*)$", re.MULTILINE)


def _without_sphinx(text: str) -> str:
    """Sphinx's roles as their texts: `:menuselection:`File --> Open`` is "File > Open"; its notes as notes."""
    text = ROLE.sub(lambda match: match[1].lstrip("~!").replace("-->", ">").replace("&", ""), text)
    return NOTE_DIRECTIVES.sub(r"\1.. note::\2", text)
