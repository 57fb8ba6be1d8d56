"""What the lines of a PDF mean: running headers and footers go, larger or bold type is a title, gaps and indents are
kept.

The result is read like a text file (`text_pages`).
"""

from __future__ import annotations

import gc
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from toolkit.data.pages.pdf_pages import Page, PdfLine, read_pdf_pages
from toolkit.data.pages.sections import Section
from toolkit.data.pages.text_pages import (
    MARKER,
    MOST_TITLE_CHARS,
    MOST_TITLE_WORDS,
    Line,
    read_plain_text,
    sections_of_lines,
)
from toolkit.numbering import sure_mark

OUTER = 0.12  # share of the page, above and below, where running lines stand
PAGE_NUMBER = re.compile(
    r"(?:page|halaman|hal\.?)?\s*[-–|]?\s*(?:\d{1,4}|[ivxl]{1,6})\s*(?:(?:of|/|dari)\s*\d{1,4})?\s*[-–|]?",
    re.IGNORECASE,
)
LARGER = 1.12
HANG_PT = 3.0
HYPHEN = "\ufffe"  # PDFium's sign for a hyphen at the end of a line
CUT_WORD = re.compile(rf"(\w+){HYPHEN}(\w+)")


def read_pdf(raw: bytes) -> list[Section]:
    """The titled sections of a PDF; the line of a section is the page with its title.

    Raises:
        UnreadablePdf: encrypted, damaged, or without text.
    """
    with _no_garbage_collection():
        marked = read_pdf_lines(raw)
        if any(line.is_title for line in marked):
            return sections_of_lines(marked)
        return read_plain_text("\n".join(line.text for line in marked))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """The many lines of a document make no cycles, and looking for them took up to a third of the reading time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_pdf_lines(raw: bytes) -> list[Line]:
    """The lines of a PDF in reading order, titles known by their type; without running headers and footers.

    Raises:
        UnreadablePdf: encrypted, damaged, or without text.
    """
    pages = read_pdf_pages(raw)
    running = _running(pages)
    lines = _with_joined_words([line for page in pages for line in _without_running(page, running)])
    for line in lines:
        line.is_numbered, line.is_item = sure_mark(line.text) is not None, MARKER.match(line.text) is not None
    return list(_marked(lines, _margins(lines))) if lines else []


def _running(pages: list[Page]) -> set[tuple[str, int]]:
    """Keys of the lines that stand at one place of several pages, whatever their numbers."""
    seen = Counter(key for page in pages for key in {_key(line) for line in _outer(page)})
    enough = 2 if len(pages) <= 4 else 3
    return {key for key, count in seen.items() if count >= enough}


def _outer(page: Page) -> list[PdfLine]:
    return [line for line in page.lines if line.bottom > (1 - OUTER) * page.height or line.top < OUTER * page.height]


def _key(line: PdfLine) -> tuple[str, int]:
    return re.sub(r"\d+", "#", line.text), round(line.bottom / 4)


def _without_running(page: Page, running: set[tuple[str, int]]) -> Iterator[PdfLine]:
    outer = {id(line) for line in _outer(page)}
    for line in page.lines:
        if id(line) in outer and (_key(line) in running or PAGE_NUMBER.fullmatch(line.text)):
            continue
        yield line


def _with_joined_words(lines: list[PdfLine]) -> list[PdfLine]:
    """Words cut at the end of a line in one piece; with the hyphen where the document writes the word with one
    ("e-mail"), or a name ("Wi-Fi").
    """
    whole = " ".join(line.text for line in lines)
    words = set(re.findall(r"\w[\w-]*\w", " ".join(set(whole.lower().split()))))  # each once: less to search

    def join(match: re.Match[str]) -> str:
        before, behind = match.groups()
        hyphenated, joined = f"{before}-{behind}", f"{before}{behind}"
        keep = not behind[0].islower() or (hyphenated.lower() in words and joined.lower() not in words)
        return hyphenated if keep else joined

    joined: list[PdfLine] = []
    before: PdfLine | None = None
    for line in lines:
        if HYPHEN in line.text:
            line.text = CUT_WORD.sub(join, line.text).replace(HYPHEN, "-")
        if (
            before is not None
            and before.text[-1] == "-"
            and before.text[-2:-1].isalpha()
            and re.match(r"\w", line.text)
            and not MARKER.match(line.text)
        ):
            head, _, tail = line.text.partition(" ")
            before.text = re.sub(r"(\w+)-(\w+)$", join, f"{before.text}{head}")
            before.bottom = line.bottom
            line.text = tail
        if line.text:
            joined.append(line)
            before = line
    return joined


Margins = dict[tuple[int, bool], float]


def _margins(lines: list[PdfLine]) -> Margins:
    """Left edge of the text, for odd and even pages and for the left and the right column."""
    edges: Margins = {}
    for (parity, right), counts in _starts(lines).items():
        enough = min(3, max(counts.values()))
        common = [start for start, count in counts.items() if count >= enough]
        edges[parity, right] = min(common)
    return edges


def _starts(lines: list[PdfLine]) -> dict[tuple[int, bool], Counter[float]]:
    starts: dict[tuple[int, bool], Counter[float]] = defaultdict(Counter)
    for (page, in_right_half, start), count in Counter(
        (line.page % 2, line.in_right_half, round(line.x0)) for line in lines
    ).items():
        starts[page, in_right_half][start] = count
    return starts


def _marked(lines: list[PdfLine], margins: Margins) -> Iterator[Line]:
    """Lines for the text reader, with a blank line for each gap and spaces for each indent."""
    body, hangs = _body_size(lines), _hangs(lines)
    pitch = _pitch(lines, body)
    before: PdfLine | None = None
    number: PdfLine | None = None  # the line of the last step
    title: list[PdfLine] = []  # one title may run over several lines
    for line in lines:
        gap = before is not None and _is_gap(before, line, pitch)
        is_title = _is_title(line, body)
        if title and (gap or not is_title or abs(line.size - title[-1].size) > 0.5):
            yield Line(" ".join(part.text for part in title), title[0].page, True)
            title = []
        if is_title:
            title.append(line)
        else:
            if gap:
                yield Line("", line.page)
            indent = _indent(line, margins)
            if line.is_numbered:
                number = line
            elif hangs and number is not None and not line.is_item and indent <= _indent(number, margins) + HANG_PT:
                number = None
                yield Line("", line.page)
            yield Line(" " * max(0, round(indent / (body / 2))) + line.text, line.page)
        before = line
    if title:
        yield Line(" ".join(part.text for part in title), title[0].page, True)


def _indent(line: PdfLine, margins: Margins) -> float:
    return line.x0 - margins[line.page % 2, line.in_right_half]


def _body_size(lines: list[PdfLine]) -> float:
    sizes = Counter[float]()
    for line in lines:
        sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] or 1.0


def _pitch(lines: list[PdfLine], body: float) -> float:
    """Distance between two lines of a paragraph: the smallest that is common, among lines that begin no step."""
    pairs = ((one, other) for one, other in pairwise(lines) if one.page == other.page and not other.is_item)
    distances = Counter(round(distance) for one, other in pairs if (distance := _distance(one, other)) > 0)
    most = 1.35 * body
    enough = max(3, 0.05 * distances.total())
    common = [distance for distance, count in distances.items() if count >= enough]
    return min([most, *common])


def _hangs(lines: list[PdfLine]) -> bool:
    """Whether the lines of a step stand further in than its number, so that one which does not is no part of it."""
    followers = [
        (one, other)
        for one, other in pairwise(lines)
        if one.is_numbered and not other.is_item and one.page == other.page
    ]
    further_in = sum(other.x0 > one.x0 + HANG_PT for one, other in followers)
    return further_in >= max(1, 0.4 * len(followers))


def _distance(before: PdfLine, line: PdfLine) -> float:
    """From line to line, downwards; negative where the next column begins."""
    return before.bottom - (line.top - line.size)


def _is_gap(before: PdfLine, line: PdfLine, pitch: float) -> bool:
    if line.page != before.page or _distance(before, line) < -pitch:  # the next page or column
        return before.text[-1:] in ".!?:" and not line.is_numbered
    return _distance(before, line) > 1.25 * pitch


def _is_title(line: PdfLine, body: float) -> bool:
    is_larger = line.size >= LARGER * body
    if not is_larger and not (line.bold and line.size >= 0.95 * body):
        return False
    if len(line.text) > MOST_TITLE_CHARS or len(line.text.split()) > MOST_TITLE_WORDS or line.text[-1] in ".;,":
        return False
    return is_larger or not line.is_item
