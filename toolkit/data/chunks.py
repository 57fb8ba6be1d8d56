"""Passages of documents for a teacher to write from: the text under each heading of Markdown, HTML and text files.

A passage carries the same lineage as the rows that are extracted from its section, so that what is written from it
shares their split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree, html

MARKDOWN, HTML, TEXT = {".md", ".markdown"}, {".html", ".htm", ".xhtml"}, {".txt"}
MAX_DOCUMENT_BYTES = 50_000_000
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


def read_chunks(path: Path, source: str, domain: str, language: str, encoding: str, min_chars: int, max_chars: int) -> Iterator[Chunk]:
    """The passages of a file or folder, in the order of file names; longer ones are cut at a paragraph, files that cannot be read are passed over."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    for file in files:
        suffix = file.suffix.lower()
        if suffix not in MARKDOWN | HTML | TEXT or file.stat().st_size > MAX_DOCUMENT_BYTES:
            continue
        raw = file.read_bytes()
        name = file.relative_to(path.parent).as_posix()
        sections = _html_sections(raw) if suffix in HTML else _text_sections(raw.decode(encoding, "replace"))
        for title, text in sections:
            passage = _shorten(text, max_chars)
            if title and len(passage) >= min_chars:
                slug = "-".join(re.findall(r"\w+", title.lower()))
                yield Chunk(source, name, title, passage, f"{name}#{slug}", domain, language)


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
