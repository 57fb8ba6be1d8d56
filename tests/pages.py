"""The Markdown pages of the project: their blocks of code, command lines, links and anchors."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^\s*```(\w*)\s*$")
COMMAND = re.compile(r"^(?:\$ )?((?:\.venv/bin/)?(?:steptune|make|python(?! -)) .*)$")
INLINE = re.compile(r"`((?:steptune|make) [^`\n]+)`")
LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
HISTORY = "CHANGELOG.md"  # says what was, too


@cache
def pages() -> tuple[Path, ...]:
    """All that git knows or would."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return tuple(ROOT / name for name in sorted(set(listed)) if (ROOT / name).exists())


def commands(page: Path) -> Iterator[tuple[int, str, bool]]:
    """Command lines of steptune, make and python with their line numbers: in blocks of shell and indented blocks, where
    a line that ends with a backslash or within quotes goes on in the next, and those that the text names between
    backticks (True).
    """
    fenced, kept, begun = "", "", 0
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        if match := FENCE.match(line):
            fenced = "" if fenced else (match[1] or "text")
            continue
        if kept or fenced in ("bash", "console", "sh", "text") or (not fenced and line.startswith("    ")):
            begun = begun if kept else number
            kept += line.strip()
            if kept.endswith("\\"):
                kept = kept[:-1]
                continue
            if found := COMMAND.match(kept):
                if is_quote_open(found[1]):
                    continue
                yield begun, found[1], False
            kept = ""
        elif not fenced:
            yield from ((number, text, True) for text in INLINE.findall(line))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def is_quote_open(line: str) -> bool:
    """Whether the shell would wait for the next line."""
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return True
    return False


def broken_links(page: Path) -> Iterator[str]:
    """Links to files and anchors that are not there; addresses on the network are left alone."""
    for target in LINK.findall(without_code(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists():
            yield f"{target}: no such file"
        elif path.is_dir():
            yield f"{target}: a folder, which is no page of the site"
        elif anchor and anchor not in anchors(path):
            yield f"{target}: no such heading"


@cache
def anchors(page: Path) -> set[str]:
    """As code hosts and Python-Markdown make them of headings."""
    found: set[str] = set()
    for heading in HEADING.findall(without_code(page.read_text("utf-8"))):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        found.add(re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-"))
    return found


def without_code(text: str) -> str:
    """The text without fenced blocks and without what stands between backticks."""
    text = re.sub(r"^\s*```.*?^\s*```\s*$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<=\S )`[^`\n]*\]\([^`\n]*`|^    .*$", "", text, flags=re.MULTILINE)
