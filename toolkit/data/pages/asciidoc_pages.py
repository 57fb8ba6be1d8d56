"""AsciiDoc as an HTML page: titles, lists with what is joined to their items, paragraphs, blocks and inline marks.

Written for how-tos: what holds no steps (listings, tables, attributes) is kept as such or left out, nothing is included
and no macro runs.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

TITLE = re.compile(r"(={1,6}|#{1,6})\s+(.*?)(?:\s+\1)?\s*$")
ORDERED = re.compile(r"\s*(?:(\.{1,5})|(\d{1,3}\.|[a-zA-Z]\.|[ivxIVX]+\)))\s+(\S.*)$")
BULLET = re.compile(r"\s*(\*{1,5}|-)\s+(?:\[[ *xX]\]\s+)?(\S.*)$")
TERM = re.compile(r"(\S.*?)(?:::+|;;)(?:\s+(.*))?$")
FENCE = re.compile(r"(-{4,}|\.{4,}|={4,}|\*{4,}|_{4,}|\+{4,}|/{4,}|--|`{3,}|[|,!:]={3,})\s*\S*\s*$")
ATTRIBUTE = re.compile(r":!?[\w-]+!?:(?:\s.*)?$")
BLOCK_LINE = re.compile(r"\[.*\]\s*$")
BLOCK_TITLE = re.compile(r"\.(?=[^\s.])(.+)$")
MACRO_LINE = re.compile(r"(?:include|image|video|audio|toc|ifdef|ifndef|ifeval|endif)::\S*\[.*\]\s*$")
ADMONITION = re.compile(r"(?:NOTE|TIP|IMPORTANT|WARNING|CAUTION):\s+")
TEXT_BLOCKS = ("=", "_", "*")  # example, quote and sidebar hold text; so does the open block --
INLINE = (
    (re.compile(r"(?:link:|xref:|https?:|mailto:)[^\s\[]*\[([^\]^,]*)[^\]]*\]"), r"\1"),
    (re.compile(r"menu:([^\[]+)\[([^\]]*)\]"), r"\1 &gt; \2"),
    (re.compile(r"(?:btn|kbd):\[([^\]]*)\]"), r"\1"),
    (re.compile(r"(?:image|icon|footnote|indexterm\d?|anchor|stem|pass):[^\s\[]*\[[^\]]*\]"), ""),
    (re.compile(r"&lt;&lt;[^,&]*,([^&]*)&gt;&gt;"), r"\1"),
    (re.compile(r"&lt;&lt;#?([^&]*)&gt;&gt;"), r"\1"),
    (re.compile(r"\(\(\(?([^()]*)\)\)\)?"), r"\1"),
    (re.compile(r"(?<![\w*])\*\*?(?=\S)(.+?)(?<=\S)\*\*?(?![\w*])"), r"\1"),
    (re.compile(r"(?<![\w_])__?(?=\S)(.+?)(?<=\S)__?(?![\w_])"), r"\1"),
    (re.compile(r"(?<![\w`])`\+?(?=\S)(.+?)(?<=\S)\+?`(?![\w`])"), r"\1"),
    (re.compile(r"\s+\+$"), ""),
)


@dataclass
class _Page:
    """The HTML written so far; `lists` are the open lists as (tag, marker), outermost first."""

    parts: list[str] = field(default_factory=list)
    lists: list[tuple[str, str]] = field(default_factory=list)
    paragraph: list[str] = field(default_factory=list)

    def end_paragraph(self) -> None:
        if self.paragraph:
            text = ADMONITION.sub("", " ".join(self.paragraph))
            self.parts.append(f"<p>{inline(text)}</p>")
            self.paragraph = []

    def end_lists(self, keep: int = 0) -> None:
        self.end_paragraph()
        while len(self.lists) > keep:
            self.parts.append(f"</li></{self.lists.pop()[0]}>")

    def item(self, tag: str, marker: str, text: str) -> None:
        """An item of the list with this marker: of an open one, or of a new one within the innermost item."""
        self.end_paragraph()
        depth = next((at for at, opened in enumerate(self.lists) if opened == (tag, marker)), None)
        if depth is None:
            self.lists.append((tag, marker))
            self.parts.append(f"<{tag}>")
        else:
            self.end_lists(depth + 1)
            self.parts.append("</li>")
        self.parts.append("<li>")
        self.paragraph = [text]


def asciidoc_to_html(text: str) -> str:
    """A page with h1 to h6, ol, ul, dl, p and pre."""
    lines = text.replace("\r\n", "\n").replace("\t", "    ").split("\n")
    page = _Page()
    at, joined, after_blank = 0, False, False
    while at < len(lines):
        line = lines[at].rstrip()
        if fence := FENCE.match(line):
            at = _block(lines, at, fence[1], page, joined)
            joined = after_blank = False
            continue
        at += 1
        if not line.strip():
            page.end_paragraph()
            after_blank = True
            continue
        if line == "+":
            page.end_paragraph()
            joined, after_blank = True, False
            continue
        _take_line(line, page, joined, after_blank)
        joined = after_blank = False
    page.end_lists()
    return f"<html><body>{''.join(page.parts)}</body></html>"


def _take_line(line: str, page: _Page, joined: bool, after_blank: bool) -> None:
    if line.startswith("//") or ATTRIBUTE.match(line) or MACRO_LINE.match(line) or BLOCK_LINE.match(line):
        page.end_paragraph()
    elif title := TITLE.match(line):
        page.end_lists()
        level = len(title[1])
        page.parts.append(f"<h{level}>{inline(title[2])}</h{level}>")
    elif ordered := ORDERED.match(line):
        page.item("ol", ordered[1] or "1.", ordered[3])
    elif bullet := BULLET.match(line):
        page.item("ul", bullet[1], bullet[2])
    elif (caption := BLOCK_TITLE.match(line)) and not page.paragraph:
        page.end_lists()
        page.parts.append(
            f"<h6>{inline(caption[1])}</h6>" if caption[1][-1] not in ".:" else f"<p>{inline(caption[1])}</p>"
        )
    elif (term := TERM.match(line)) and not page.paragraph:
        page.end_lists()
        page.parts.append(f"<p>{inline(term[1])}</p>")
        page.paragraph = [term[2]] if term[2] else []
    else:
        if page.lists and after_blank and not joined and line == line.lstrip():
            page.end_lists()
        page.paragraph.append(line.strip())


def _block(lines: list[str], at: int, fence: str, page: _Page, joined: bool) -> int:
    """A delimited block: listings as code, tables left out, blocks of text read on. Returns the line behind it."""
    if not joined:
        page.end_lists()
    page.end_paragraph()
    if fence == "--" or (fence[0] in TEXT_BLOCKS and fence[1] == fence[0]):
        return at + 1
    end = next((place for place in range(at + 1, len(lines)) if lines[place].rstrip().startswith(fence)), len(lines))
    if fence[0] in "-.`+" or fence[0] == "_":
        page.parts.append(f"<pre>{html.escape(chr(10).join(lines[at + 1 : end]))}</pre>")
    elif fence[0] != "/":
        page.parts.append("<table></table>")
    return end + 1


def inline(text: str) -> str:
    """Escaped text without AsciiDoc's inline marks."""
    shown = html.escape(text, quote=False)
    for pattern, replacement in INLINE:
        shown = pattern.sub(replacement, shown)
    return shown
