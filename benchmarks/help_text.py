"""Paragraphs of Debian's LibreOffice help, which hold no personal data: downloaded by apt-get, not installed."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from lxml import html

PACKAGES = {"en": "en-us"}  # where the package is not called after the language
LEAST_WORDS, LEAST_CHARS_WITHOUT_SPACES = 3, 9
MOST_LINES = 4_000
SEED = 71  # of the paragraphs that are drawn


def help_lines(language: str, folder: Path) -> list[str]:
    """Up to MOST_LINES paragraphs of three words and more; [] where apt-get has none."""
    package = f"libreoffice-help-{PACKAGES.get(language, language)}"
    subprocess.run(["apt-get", "download", "-q", package], cwd=folder, capture_output=True, check=False)
    archive = next(folder.glob(f"{package}_*.deb"), None)
    if archive is None:
        print(f"no {package} from apt-get: the bars on help text cannot be measured", file=sys.stderr)
        return []
    subprocess.run(["dpkg-deb", "-x", archive, folder / package], check=True)
    lines: set[str] = set()
    for file in sorted((folder / package).rglob("*.html")):
        page: Any = html.document_fromstring(file.read_text(encoding="utf-8"))
        found = page.xpath("//div[@id='DisplayArea']//p")
        lines |= {" ".join(paragraph.text_content().split()) for paragraph in found}
    lines = {line for line in lines if _is_paragraph(line, language)}
    return random.Random(SEED).sample(sorted(lines), min(MOST_LINES, len(lines)))


def _is_paragraph(line: str, language: str) -> bool:
    if language in ("ja", "zh"):
        return len(line) >= LEAST_CHARS_WITHOUT_SPACES
    return len(line.split()) >= LEAST_WORDS


if __name__ == "__main__":
    sys.exit("benchmarks/help_text.py is used by the benchmarks; run one of those.")
