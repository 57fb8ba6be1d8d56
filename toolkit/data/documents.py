"""Documents as rows: finds the files, reads each by its format, and makes a question of every title that heads steps.

The unit of lineage is the question in Markdown and HTML, where a page holds many unrelated tasks, and the page in
Mallard, where a page is one topic; translations of a Mallard page share its id and so its group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from toolkit.data.html_pages import read_html
from toolkit.data.language import is_in_language
from toolkit.data.mallard_pages import read_mallard
from toolkit.data.markdown_pages import read_markdown
from toolkit.data.questions import ask
from toolkit.data.rows import Dropped, Row
from toolkit.data.sections import Section, StepList
from toolkit.errors import DataError

MARKDOWN, HTML, MALLARD = {".md", ".markdown"}, {".html", ".htm", ".xhtml"}, {".page"}
NOT_READ = {".pdf", ".docx", ".doc", ".odt", ".rtf", ".txt", ".epub", ".xml", ".rst", ".adoc"}
MAX_DOCUMENT_BYTES = 50_000_000


def read_document_source(path: Path, source: str, language: str, encoding: str) -> Iterator[Row | Dropped]:
    """One row for each step list of a document or folder of documents; titles without steps and files that cannot be read are left out by name.

    Raises:
        DataError: `path` is a file of a format that is not read.
    """
    if path.is_file() and path.suffix.lower() not in MARKDOWN | HTML | MALLARD:
        raise DataError(f"{path}: documents are read from .md, .html and .page files, not from {path.suffix or 'files without a suffix'}.")
    root = path if path.is_dir() else path.parent
    for file in _files(path):
        name = file.relative_to(path.parent).as_posix()
        if file.suffix.lower() in NOT_READ:
            yield Dropped(Row(source, name), f"{file.suffix} files are not read; convert it to Markdown or HTML", unreadable=True)
            continue
        try:
            sections = _read_sections(file, root, encoding, language)
        except _Unreadable as error:
            yield Dropped(Row(source, name), str(error), unreadable=True)
            continue
        if not sections:
            yield Dropped(Row(source, name), "no headings")
        for section in sections:
            yield from _section_rows(section, source, name, language)


class _Unreadable(Exception):
    """A document that cannot be read, with the reason for the ledger."""


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    known = MARKDOWN | HTML | MALLARD | NOT_READ
    found = (file for file in path.rglob("*") if file.suffix.lower() in known and file.is_file())
    visible = (file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))
    return sorted(visible, key=lambda file: file.relative_to(path).as_posix())


def _read_sections(file: Path, root: Path, encoding: str, language: str) -> list[Section]:
    if file.stat().st_size > MAX_DOCUMENT_BYTES:
        raise _Unreadable(f"the document is larger than {MAX_DOCUMENT_BYTES:,} bytes")
    raw = file.read_bytes()
    try:
        if file.suffix.lower() in MALLARD:
            return read_mallard(raw, file, root)
        text = _decode(raw, encoding, is_html=file.suffix.lower() in HTML)
        return read_html(text, language) if file.suffix.lower() in HTML else read_markdown(text)
    except etree.XMLSyntaxError as error:
        raise _Unreadable(f"not well-formed XML ({error.msg})") from None
    except RecursionError:
        raise _Unreadable("nested too deeply") from None


def _decode(raw: bytes, encoding: str, is_html: bool) -> str:
    """Text of a file in the encoding of the source, or in the one that an HTML page declares."""
    declared = re.search(rb"charset\s*=\s*[\"']?([\w-]+)", raw[:2048]) if is_html else None
    codec = declared.group(1).decode() if declared else encoding
    try:
        text = raw.decode("utf-8-sig" if codec.lower() in {"utf-8", "utf8"} else codec)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _Unreadable(f"line {line} is not {codec}; set the source's `encoding` or save the file as UTF-8") from None
    except LookupError:
        raise _Unreadable(f"the page declares the unknown encoding {codec!r}") from None
    if "\0" in text:
        raise _Unreadable(f"NUL byte in line {text.count(chr(10), 0, text.index(chr(0))) + 1}")
    return text


def _section_rows(section: Section, source: str, name: str, language: str) -> Iterator[Row | Dropped]:
    """The rows of a section. Where it has several lists, the line that leads to each tells what it is for."""
    language = _code(section.language) or language
    group = f"{name}#{_slug(section.title)}" if not section.group else f"mallard:{section.group}"
    meta = {"task": section.title, **({"language": language} if language else {})}
    row = Row(source, f"{name}:{section.line}", meta=meta, lineage=(group,))
    if not section.lists:
        if section.has_text:
            yield Dropped(row, "no numbered steps under this title")
        return
    for step_list in section.lists:
        question = _question(section, step_list, language)
        reason = _flaw(step_list, question, section, language)
        if reason:
            yield Dropped(row, reason)
        else:
            steps = "\n".join(f"{number}. {step}" for number, step in enumerate(step_list.steps, start=1))
            yield Row(source, row.place, prompt=question or "", output=steps, meta=meta, lineage=row.lineage)


def _code(language: str) -> str:
    """ "en-GB" as "en"; Mallard's source pages have no language or "C"."""
    code = language.replace("_", "-").split("-")[0].lower()
    return "" if code == "c" else code


def _slug(title: str) -> str:
    return "-".join(re.findall(r"\w+", title.lower()))


def _question(section: Section, step_list: StepList, language: str) -> str | None:
    by_title, by_caption = ask(section.title, language), ask(step_list.caption, language)
    return by_caption if len(section.lists) > 1 else by_title or by_caption


def _flaw(step_list: StepList, question: str | None, section: Section, language: str) -> str:
    if step_list.flaw:
        return step_list.flaw
    if question is None and len(section.lists) > 1:
        return "several lists under one title, and no line says what this one is for"
    if question is None:
        return f"the title names no task: {section.title!r}"
    if not is_in_language(question, step_list.steps, language):
        return f"the text is not all in the language of the document ({language})"
    return ""
