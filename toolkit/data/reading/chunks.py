"""Passages of documents for a teacher to write from: the text under each heading of Markdown, HTML, Mallard, DocBook,
PDF and text files.

A passage carries the same lineage as the rows that are extracted from its section, so that what is written from it
shares their split.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree, html

from toolkit.data.pages.docbook_pages import docbook_markup
from toolkit.data.pages.mallard_pages import mallard_group, mallard_markup
from toolkit.data.pages.markup_items import Element, Markup, inline_text, local_name
from toolkit.data.pages.office_pages import UnreadableDocument, html_pages
from toolkit.data.pages.pdf_layout import read_pdf_lines
from toolkit.data.pages.pdf_pages import UnreadablePdf
from toolkit.data.pages.xml_files import read_xml, xml_kind
from toolkit.data.reading.archives import is_archive, unpack
from toolkit.data.reading.documents import CONVERTED, HTML, MAX_DOCUMENT_BYTES, PDF, READ, XML, document_files
from toolkit.data.reading.section_rows import section_lineage
from toolkit.options.sources import DocumentsSource
from toolkit.options.teacher import PassageOptions

HEADINGS = {f"h{level}" for level in range(1, 7)}
SKIPPED = {"script", "style", "nav", "header", "footer", "aside", "noscript", "template", "svg", "form"}
BLOCKS = {"p", "li", "dd", "dt", "td", "div", "section", "article", "tr", "pre", "blockquote", "summary"} | HEADINGS


@dataclass(frozen=True)
class Chunk:
    """One passage. `lineage` names its section as extraction does."""

    source: str
    place: str
    title: str
    text: str
    lineage: str
    domain: str = ""
    language: str = ""


def read_chunks(source: DocumentsSource, options: PassageOptions) -> Iterator[Chunk]:
    """The passages of a source, in the order of file names; longer ones are cut at a paragraph, files that
    cannot be read are passed over.
    """
    for file, name, root in _documents(source.path, source.skip):
        group, sections = _read_sections(file, root, source.encoding)
        for title, text in sections:
            passage = _shorten(text, options.max_passage_chars)
            if title and len(passage) >= options.min_passage_chars:
                lineage = group or section_lineage(name, title)
                yield Chunk(source.label, name, title, passage, lineage, source.domain or "", source.language or "")


def _documents(path: Path, skip: tuple[str, ...] = ()) -> Iterator[tuple[Path, str, Path]]:
    """(file, its name in lineage, the folder that its references may lead to) of a file, folder or archive, and of the
    archives in a folder.
    """
    for file in document_files(path, skip):
        name = file.relative_to(path.parent).as_posix()
        if is_archive(file):
            with tempfile.TemporaryDirectory(prefix="steptune-archive-") as scratch:
                # What is left out is reported where rows are read.
                list(unpack(file, Path(scratch), READ, MAX_DOCUMENT_BYTES))
                for inner, _, root in _documents(Path(scratch)):
                    yield inner, f"{name}/{inner.relative_to(scratch).as_posix()}", root
        elif file.suffix.lower() in READ and file.stat().st_size <= MAX_DOCUMENT_BYTES:
            yield file, name, path if path.is_dir() else path.parent


def _read_sections(file: Path, root: Path, encoding: str) -> tuple[str, Iterator[tuple[str, str]]]:
    """The group of the whole file ("" where each section is one of its own), and (title, text) of its sections."""
    raw, suffix = file.read_bytes(), file.suffix.lower()
    if suffix in XML:
        return _xml_sections(raw, file, root)
    if suffix in PDF:
        return "", _pdf_sections(raw)
    if suffix in CONVERTED:
        return "", _converted_sections(raw, suffix, encoding)
    return "", _html_sections(raw) if suffix in HTML else _text_sections(raw.decode(encoding, "replace"))


def _converted_sections(raw: bytes, suffix: str, encoding: str) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(UnreadableDocument, RecursionError):
        for _, page in html_pages(raw, suffix, lambda data: data.decode(encoding, "replace")):
            yield from _html_sections(page.encode())


def _text_sections(text: str) -> Iterator[tuple[str, str]]:
    title, fenced = "", False
    lines: list[str] = []
    for text_line in text.replace("\0", "").splitlines():
        fenced ^= text_line.lstrip().startswith(("```", "~~~"))
        heading = None if fenced else re.match(r"#{1,6}\s+(.*?)\s*#*$", text_line)
        if heading:
            yield title, _tidy(lines)
            title, lines = heading.group(1), []
        else:
            lines.append(text_line)
    yield title, _tidy(lines)


def _html_sections(raw: bytes) -> Iterator[tuple[str, str]]:
    try:
        root = html.document_fromstring(raw, parser=html.HTMLParser(huge_tree=False, no_network=True))
    except (etree.ParserError, ValueError):
        return
    title, lines = "", [""]
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start" and tag in HEADINGS:
            yield title, _tidy(lines)
            title, lines = " ".join(element.text_content().split()), [""]
        elif event == "start" and tag and not _is_skipped(element):
            if tag in BLOCKS:
                lines.append("")
            if tag not in HEADINGS:
                lines[-1] += element.text or ""
        if event == "end" and element.tail and not _is_skipped(element.getparent()):
            if tag in BLOCKS:
                lines.append("")
            lines[-1] += element.tail
    yield title, _tidy(lines)


def _pdf_sections(raw: bytes) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(UnreadablePdf):
        yield from _by_title((bool(line.is_title), line.text) for line in read_pdf_lines(raw))


def _xml_sections(raw: bytes, file: Path, root: Path) -> tuple[str, Iterator[tuple[str, str]]]:
    try:
        page = read_xml(raw, file, root)
    except (etree.XMLSyntaxError, RecursionError):
        return "", iter(())
    kind = xml_kind(page, file)
    if kind == "mallard":
        return mallard_group(page, file), _by_title(_xml_lines(page, mallard_markup(page, file.parent)))
    return "", _by_title(_xml_lines(page, docbook_markup(page))) if kind == "docbook" else iter(())


def _by_title(lines: Iterable[tuple[bool, str]]) -> Iterator[tuple[str, str]]:
    """(title, text up to the next title) of lines that are known to be titles or not."""
    title = ""
    body: list[str] = []
    for is_title, text in lines:
        if is_title:
            yield title, _tidy(body)
            title, body = " ".join(text.split()), []
        else:
            body.append(text)
    yield title, _tidy(body)


def _xml_lines(element: Element, markup: Markup) -> Iterator[tuple[bool, str]]:
    """(whether it is a title, text) of titles and paragraphs; of a paragraph around a list, what stands next to
    the list too.
    """
    for child in markup.children(element):
        name = local_name(child)
        if name == "title" or (
            name in markup.blocks and not any(local_name(inner) in markup.blocks | markup.lists for inner in child)
        ):
            yield name == "title", inline_text(child, markup)
        elif name.endswith("info"):  # DocBook puts titles there; Mallard's are typed: what links and lists show
            yield from (
                (True, inline_text(inner, markup))
                for inner in child
                if local_name(inner) == "title" and not inner.get("type")
            )
        elif name and name not in markup.skipped:
            yield False, child.text or ""
            yield from _xml_lines(child, markup)
        yield False, child.tail or ""


def _is_skipped(element: etree._Element | None) -> bool:
    while element is not None:
        if element.tag in SKIPPED | HEADINGS | {"head"} or not isinstance(element.tag, str):
            return True
        element = element.getparent()
    return False


def _tidy(lines: list[str]) -> str:
    return "\n".join(text for line in lines if (text := " ".join(line.split())))


def _shorten(text: str, max_chars: int) -> str:
    if len(text) <= max_chars:
        return text
    end = text.rfind("\n", 0, max_chars)
    return text[: end if end > max_chars // 2 else max_chars].rstrip()
