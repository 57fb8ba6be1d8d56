"""PDF manuals through PDFium: the lines of each page with place and size of type, in reading order, one or two columns.

Text comes in the order in which the file draws it, which is the reading order in nearly all files. Where it runs across
two columns, the columns are put one after the other. Not covered: scanned pages (no text), three columns, tables.
"""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

MOST_PAGES = 5000
MOST_CHARS = 200_000  # of one page
GUTTER_PT = 8.0
SYMBOL_BULLETS = re.compile("[\uf000-\uf0ff]")
LONGEST_TITLE = 120
BOLD = re.compile("bold|black|heavy")
LONGEST_FONT_NAME = 128
SAME_SIZE_PT = 0.05
CONTROLS = re.compile("[\x00-\x1f]")
# A page is set in two columns only where both have this many lines.
FEWEST_LINES = 3


class UnreadablePdf(Exception):
    """Why a PDF cannot be read, for the ledger."""


@dataclass(slots=True)
class PdfLine:
    """One line. x0, top, bottom in points from the lower left; `size`: height of its type; `page` counts from 1.

    `is_numbered`: begins a step ("1."); `is_item`: with any mark of a list. Both are known once cut words are joined.
    """

    text: str
    x0: float
    top: float
    bottom: float
    size: float
    bold: bool
    page: int
    in_right_half: bool
    is_numbered: bool = False
    is_item: bool = False


@dataclass(frozen=True)
class Page:
    """A page with its lines. `height` in points."""

    lines: list[PdfLine]
    height: float


def read_pdf_pages(raw: bytes) -> list[Page]:
    """The pages of a document.

    Raises:
        UnreadablePdf: encrypted, damaged, without text, or with too many pages.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(raw)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise UnreadablePdf("the PDF is encrypted; save it without a password") from None
        raise UnreadablePdf("not a readable PDF (damaged or cut)") from None
    try:
        if len(document) > MOST_PAGES:
            raise UnreadablePdf(f"the PDF has more than {MOST_PAGES:,} pages; split it")
        pages = [_read_page(document, number) for number in range(len(document))]
    finally:
        document.close()
    if not any(page.lines for page in pages):
        raise UnreadablePdf("the PDF has no text (scanned pages?); recognise its text first")
    return pages


def _read_page(document: Any, index: int) -> Page:
    import pypdfium2

    try:
        page = document[index]
    except pypdfium2.PdfiumError:  # one damaged page does not cost the others
        return Page([], 0.0)
    text_page = page.get_textpage()
    try:
        width = page.get_width()
        chars = _Chars(text_page)
        lines = list(_lines(text_page, chars, index + 1, width)) if text_page.count_chars() <= MOST_CHARS else []
        rects = list(_rects(text_page)) if lines else []
        gutter = _gutter(rects)
        if gutter is not None and _runs_across(lines, rects, gutter):
            lines = list(_by_columns(text_page, chars, rects, gutter, index + 1))
        return Page(lines, page.get_height())
    finally:
        text_page.close()
        page.close()


class _Chars:
    """What PDFium says of single characters of a page; asked several times a line, so that its functions are looked up
    once.
    """

    def __init__(self, text_page: Any) -> None:
        import pypdfium2.raw as pdfium

        self._page = text_page.raw
        self._loose_box, self._font_info = pdfium.FPDFText_GetLooseCharBox, pdfium.FPDFText_GetFontInfo
        self._box, self._font, self._flags = (
            pdfium.FS_RECTF(),
            ctypes.create_string_buffer(LONGEST_FONT_NAME),
            ctypes.c_int(),
        )

    def box(self, index: int) -> tuple[float, float, float]:
        """Left, bottom and top of a character with the height of its font, in points.

        Raises:
            UnreadablePdf: where PDFium knows no place.
        """
        box = self._box
        if not self._loose_box(self._page, index, box):
            raise UnreadablePdf("the text of the PDF has no place on its page (damaged?)")
        return box.left, box.bottom, box.top

    def are_bold(self, first: int, last: int) -> bool:
        """Whether two characters are set in bold type; `last` may be -1, not known."""
        return self._is_bold(first) and (last < 0 or last == first or self._is_bold(last))

    def _is_bold(self, index: int) -> bool:
        self._font_info(self._page, index, self._font, LONGEST_FONT_NAME, self._flags)
        return _names_bold(self._font.value)


def _lines(text_page: Any, chars: _Chars, number: int, width: float) -> Iterator[PdfLine]:
    import pypdfium2.raw as pdfium

    offset = 0
    smallest: float | None = None  # type so far on this page
    whole = text_page.get_text_range()
    # Else a character has the same index in the text and on the page.
    has_hidden_chars = _utf16_units(whole) != text_page.count_chars()
    for text in whole.split("\r\n"):
        shown = text.strip()
        if shown:
            first = offset + len(text) - len(text.lstrip())
            last = offset + len(text.rstrip()) - 1
            if has_hidden_chars:
                first, last = (pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, at) for at in (first, last))
            if first >= 0:
                left, bottom, top = chars.box(first)
                size = top - bottom
                if last >= 0 and (
                    smallest is None or size > smallest + SAME_SIZE_PT
                ):  # the number of a step may be set larger than the step
                    _, last_bottom, last_top = chars.box(last)
                    size = min(size, last_top - last_bottom)
                    top, bottom = bottom + size, min(bottom, last_bottom)
                smallest = size if smallest is None else min(smallest, size)
                bold = len(shown) <= LONGEST_TITLE and shown[-1] not in ".,;" and chars.are_bold(first, last)
                yield PdfLine(_plain(shown), left, top, bottom, size, bold, number, left > 0.45 * width)
        offset += _utf16_units(text) + 2  # PDFium counts UTF-16 units


def _utf16_units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _plain(text: str) -> str:
    """Bullets of symbol fonts as bullets; NUL and other control characters that fonts without a proper map leave."""
    return text if text.isprintable() else CONTROLS.sub("", SYMBOL_BULLETS.sub("•", text))


@lru_cache(maxsize=1024)
def _names_bold(font: bytes) -> bool:
    return bool(BOLD.search(font.decode("latin-1").lower()))


Rect = tuple[float, float, float, float]  # left, bottom, right, top


def _rects(text_page: Any) -> Iterator[Rect]:
    """The boxes of text of a page, in the order in which it is drawn."""
    import pypdfium2.raw as pdfium

    left, bottom, right, top = (ctypes.c_double() for _ in range(4))
    for number in range(text_page.count_rects()):
        if pdfium.FPDFText_GetRect(text_page.raw, number, left, top, right, bottom):
            yield left.value, bottom.value, right.value, top.value


def _gutter(rects: list[Rect]) -> float | None:
    """The x of the empty strip between two columns; titles over both are allowed to cross it."""
    if not rects:
        return None
    left, right = min(rect[0] for rect in rects), max(rect[2] for rect in rects)
    lowest, highest = left + 0.3 * (right - left), left + 0.7 * (right - left)
    starts = sorted({round(rect[0], 1) for rect in rects if lowest < rect[0] < highest})
    edges = sorted(rect[0] for rect in rects)
    for start in starts:
        aligned = bisect_left(edges, start + 2) - bisect_right(edges, start - 2)
        if aligned < FEWEST_LINES:
            continue
        at = start - GUTTER_PT / 2
        crossing = sum(rect[0] < at < rect[2] for rect in rects)
        before = [rect for rect in rects if rect[2] <= at]
        clear = all(rect[2] <= start - GUTTER_PT for rect in before)
        if clear and crossing <= 0.1 * len(rects) and len(before) >= FEWEST_LINES:
            return at
    return None


def _runs_across(lines: list[PdfLine], rects: list[Rect], gutter: float) -> bool:
    """Whether the text changes sides with nearly every line, on one line or from line to line."""
    sides = [rect[0] >= gutter for rect in rects if not rect[0] < gutter < rect[2]]
    changes = sum(one != other for one, other in pairwise(sides))
    return changes >= min(sides.count(True), sides.count(False)) and changes >= FEWEST_LINES


def _by_columns(text_page: Any, chars: _Chars, rects: list[Rect], gutter: float, number: int) -> Iterator[PdfLine]:
    """Lines from the boxes of text: what crosses the gutter cuts the page into bands; in each the left column comes
    first.
    """
    rows: dict[tuple[int, bool], list[Rect]] = {}
    band = 0
    for rect in sorted(rects, key=lambda box: -box[3]):
        if rect[0] < gutter < rect[2]:
            rows.setdefault((band + 1, False), []).append(rect)
            band += 2
        else:
            rows.setdefault((band, rect[0] >= gutter), []).append(rect)
    for _, boxes in sorted(rows.items(), key=lambda item: item[0]):
        line: list[Rect] = []
        for rect in [*boxes, (0.0, 0.0, 0.0, -1.0)]:
            if line and rect[3] < (line[0][1] + line[0][3]) / 2:
                yield _line_of(text_page, chars, sorted(line), number, gutter)
                line = []
            line.append(rect)


def _line_of(text_page: Any, chars: _Chars, line: list[Rect], number: int, gutter: float) -> PdfLine:
    text = " ".join(
        text_page.get_text_bounded(
            *(edge + pad for edge, pad in zip(rect, (-0.5, -0.5, 0.5, 0.5), strict=True))
        ).strip()
        for rect in line
    )
    middle = text_page.get_index(line[0][0] + 1, (line[0][1] + line[0][3]) / 2, 3, 3)
    at = middle if isinstance(middle, int) and middle >= 0 else 0
    _, bottom, top = chars.box(at)
    left = line[0][0]
    return PdfLine(
        _plain(" ".join(text.split())), left, top, bottom, top - bottom, chars.are_bold(at, at), number, left >= gutter
    )
