"""Documents as rows: finds the files of a folder or archive, reads each by its format, and makes a question of every
title that heads steps.

The unit of lineage is the question in Markdown, HTML, DocBook, PDF and text, where a page holds many unrelated tasks,
and the page in Mallard, where a page is one topic; translations of a Mallard page share its id and so its group.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from lxml import etree

from toolkit.data.pages.confluence_pages import confluence_to_html
from toolkit.data.pages.docbook_pages import read_docbook
from toolkit.data.pages.html_pages import read_html
from toolkit.data.pages.mallard_pages import read_mallard
from toolkit.data.pages.markdown_pages import read_markdown
from toolkit.data.pages.office_pages import UnreadableDocument, html_pages
from toolkit.data.pages.pdf_layout import read_pdf
from toolkit.data.pages.pdf_pages import UnreadablePdf
from toolkit.data.pages.sections import Section
from toolkit.data.pages.text_pages import read_plain_text, read_questions
from toolkit.data.pages.xml_files import read_xml, xml_kind
from toolkit.data.reading.archives import files_not_read, is_archive, unpack
from toolkit.data.reading.section_rows import section_rows
from toolkit.data.rows import Dropped, Row
from toolkit.errors import DataError
from toolkit.options.sources import DocumentsSource
from toolkit.text_files import Fault, decoded

MARKDOWN, HTML, TEXT, PDF = {".md", ".markdown"}, {".html", ".htm", ".xhtml"}, {".txt"}, {".pdf"}
XML = {".page", ".xml", ".docbook", ".dbk"}
CONVERTED = {".docx", ".epub", ".rst", ".adoc", ".asciidoc"}
ENTITIES = {".ent"}  # which XML files beside them take their entities from
READ = frozenset(MARKDOWN | HTML | TEXT | PDF | XML | CONVERTED)
NOT_READ = frozenset({".doc", ".odt", ".rtf", ".tex", ".pptx", ".ppt", ".wiki", ".textile", ".pages", ".chm", ".mobi"})
MAX_DOCUMENT_BYTES = 50_000_000


def read_document_source(source: DocumentsSource) -> Iterator[Row | Dropped]:
    """One row for each step list of a document, or of a folder or archive of documents; titles without steps and files
    that cannot be read are left out by name.

    Raises:
        DataError: the path is a file of a format that is not read.
    """
    path = source.path
    if path.is_file() and path.suffix.lower() not in READ and not is_archive(path):
        formats = ", ".join(sorted(READ))
        raise DataError(
            f"{path}: documents are read from {formats} files, folders and archives, not from"
            f" {path.suffix or 'files without a suffix'}."
        )
    root = path if path.is_dir() else path.parent
    for file in document_files(path, source.skip):
        name = file.relative_to(path.parent).as_posix()
        if is_archive(file):
            yield from _read_archive(file, name, source)
        else:
            yield from _read_file(file, name, root, source)
    if path.is_dir():
        yield from _other_kinds(path, source)


def _other_kinds(folder: Path, source: DocumentsSource) -> Iterator[Dropped]:
    """The files of a folder that are of a kind that is not read, by suffix."""
    read = set(document_files(folder))
    others = Counter(
        file.suffix.lower()
        for file in folder.rglob("*")
        if file.is_file() and _is_wanted(file, folder, source.skip) and file not in read
    )
    for suffix, count in sorted(others.items()):
        yield Dropped(Row(source.label, f"{folder.name}/*{suffix}"), files_not_read(suffix, count))


def _read_archive(archive: Path, name: str, source: DocumentsSource) -> Iterator[Row | Dropped]:
    """The documents of an archive, in the order of their names; archives within it are not opened."""
    with tempfile.TemporaryDirectory(prefix="steptune-archive-") as scratch:
        root = Path(scratch)
        for left_out in unpack(archive, root, READ | NOT_READ | ENTITIES, MAX_DOCUMENT_BYTES):
            place = f"{name}/{left_out.name}" if left_out.name else name
            yield Dropped(
                Row(source.label, "".join(character if character.isprintable() else "?" for character in place)),
                left_out.reason,
                unreadable=left_out.unreadable,
            )
        for file in document_files(root):
            if not is_archive(file):
                yield from _read_file(file, f"{name}/{file.relative_to(root).as_posix()}", root, source)


def document_files(path: Path, skip: tuple[str, ...] = ()) -> list[Path]:
    """A file, or the documents and archives of a folder in the order of their names; nothing hidden, and nothing whose
    name below the folder fits a pattern of `skip`.
    """
    if path.is_file():
        return [path]
    found = (
        file
        for file in path.rglob("*")
        if (file.suffix.lower() in READ | NOT_READ or is_archive(file)) and file.is_file()
    )
    wanted = (file for file in found if _is_wanted(file, path, skip))
    return sorted(wanted, key=lambda file: file.relative_to(path).as_posix())


def _is_wanted(file: Path, folder: Path, skip: tuple[str, ...]) -> bool:
    name = file.relative_to(folder)
    return not any(part.startswith(".") for part in name.parts) and not any(
        fnmatch(name.as_posix(), pattern) for pattern in skip
    )


class _Unreadable(Exception):
    """A document that cannot be read, with the reason for the ledger."""


def _read_file(file: Path, name: str, root: Path, source: DocumentsSource) -> Iterator[Row | Dropped]:
    if file.suffix.lower() in NOT_READ:
        yield Dropped(
            Row(source.label, name),
            f"{file.suffix} files are not read; convert it to Markdown or HTML",
            unreadable=True,
        )
        return
    try:
        sections = _read_sections(file, root, source.encoding, source.language or "")
    except (_Unreadable, UnreadablePdf, UnreadableDocument) as error:
        yield Dropped(Row(source.label, name), str(error), unreadable=True)
        return
    if sections is None:
        yield Dropped(Row(source.label, name), "XML that is neither DocBook nor Mallard nor Confluence's")
    elif not sections:
        yield Dropped(Row(source.label, name), "no headings")
    for section in sections or []:
        yield from section_rows(section, source.label, name, source.language or "")


def _read_sections(file: Path, root: Path, encoding: str, language: str) -> list[Section] | None:
    """The sections of a file; None for XML of another kind."""
    if file.stat().st_size > MAX_DOCUMENT_BYTES:
        raise _Unreadable(f"the document is larger than {MAX_DOCUMENT_BYTES:,} bytes")
    raw, suffix = file.read_bytes(), file.suffix.lower()
    try:
        if suffix in PDF:
            return read_pdf(raw)
        if suffix in XML:
            return _read_xml_sections(raw, file, root, language)
        if suffix in CONVERTED:
            pages = html_pages(raw, suffix, lambda data: _decode(data, encoding, is_html=False))
            return [section for _, page in pages for section in read_html(page, language)]
        text = _decode(raw, encoding, is_html=suffix in HTML)
        if suffix in HTML:
            return read_html(text, language)
        if suffix in MARKDOWN:
            sections = read_markdown(text, language)
            is_faq = not any(section.lists for section in sections)
            return (read_questions(text.splitlines()) if is_faq else []) or sections
        return read_plain_text(text)
    except etree.XMLSyntaxError as error:
        raise _Unreadable(f"not well-formed XML ({error.msg})") from None
    except RecursionError:
        raise _Unreadable("nested too deeply") from None


def _read_xml_sections(raw: bytes, file: Path, root: Path, language: str) -> list[Section] | None:
    page = read_xml(raw, file, root)
    kind = xml_kind(page, file)
    if kind == "mallard":
        return read_mallard(page, file)
    if kind == "confluence":
        return [section for text in confluence_to_html(page) for section in read_html(text, language)]
    return read_docbook(page) if kind == "docbook" else None


def _decode(raw: bytes, encoding: str, is_html: bool) -> str:
    """Text of a file in the encoding of the source, or in the one that an HTML page declares."""
    declared = re.search(rb"charset\s*=\s*[\"']?([\w-]+)", raw[:2048]) if is_html else None
    codec = declared.group(1).decode("ascii", "replace") if declared else encoding
    text = decoded(raw, codec)
    if isinstance(text, Fault):
        raise _Unreadable(
            f"the page declares the unknown encoding {codec!r}" if "unknown" in text.reason else text.reason
        )
    if "\0" in text:
        raise _Unreadable(f"NUL byte in line {text.count(chr(10), 0, text.index(chr(0))) + 1}")
    return text
