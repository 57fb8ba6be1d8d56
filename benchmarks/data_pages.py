"""Pages for the extraction benchmark: Debian's LibreOffice help (English, Indonesian), what its microdata says the
steps are, and PDFs of it.

Downloads and unpacks the packages with apt-get and dpkg-deb, without installing them; without apt there are no pages,
and the benchmark says so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import html

PACKAGES = {"en": "libreoffice-help-en-us", "id": "libreoffice-help-id"}
FEWEST_STEPS = 2
HYPHENATION = {"en": "en_GB", "id": "id_ID"}  # of pyphen


@dataclass(frozen=True)
class HelpPage:
    """A page with its step lists as the microdata marks them, and all it says in order: ("h2", text), ("p", text),
    ("ol", *steps).
    """

    text: str
    lists: tuple[tuple[str, ...], ...]
    blocks: tuple[tuple[str, ...], ...]


def fetch_pages(folder: Path) -> dict[str, list[HelpPage]] | str:
    """The pages by language, or why there are none."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return "no apt-get and dpkg-deb to get Debian's libreoffice-help packages with"
    pages = {}
    for language, package in PACKAGES.items():
        got = subprocess.run(
            ["apt-get", "download", "-q", package], cwd=folder, capture_output=True, text=True, check=False
        )
        archive = next(folder.glob(f"{package}_*.deb"), None)
        if got.returncode or archive is None:
            return f"apt-get download {package} failed: {got.stderr.strip().splitlines()[-1:]}"
        subprocess.run(["dpkg-deb", "-x", archive, folder / package], check=True)
        pages[language] = [read_help_page(file) for file in sorted((folder / package).rglob("*.html"))]
    return pages


def fetch_package(package: str, folder: Path) -> Path | None:
    """The unpacked files of a Debian package, without installing it; None where apt-get cannot get it."""
    got = subprocess.run(["apt-get", "download", "-q", package], cwd=folder, capture_output=True, check=False)
    archive = next(folder.glob(f"{package}_*.deb"), None)
    if got.returncode or archive is None:
        return None
    subprocess.run(["dpkg-deb", "-x", archive, folder / package], check=True)
    return folder / package


def procedures(folder: Path) -> list[tuple[str, list[set[str]]]]:
    """The procedures of DocBook's HTML below a folder, by `class="procedure"` alone: the file's name, and the words of
    the first two steps.
    """
    found = []
    for file in sorted(folder.rglob("*.html")):
        page: Any = html.document_fromstring(file.read_bytes())
        for procedure in page.xpath("//div[contains(concat(' ', @class, ' '), ' procedure ')]"):
            steps = [set(words_of(step.text_content())) for step in procedure.xpath(".//li")[:2]]
            found.append((file.name, steps))
    return found


def read_help_page(file: Path) -> HelpPage:
    """The truth is read by the microdata alone (HowToSection, HowToStep), not by tags or classes."""
    text = file.read_text(encoding="utf-8")
    lists, blocks = [], []
    page: Any = html.document_fromstring(text)
    for element in page.xpath(
        "//div[@id='DisplayArea']//*[self::h1 or self::h2 or self::h3 or self::p or @itemprop='HowTo']"
    ):
        if element.get("itemprop") == "HowTo":
            steps = tuple(
                step for child in element.xpath("./*[contains(@itemtype, 'HowToStep')]") if (step := _step_text(child))
            )
            if len(steps) >= FEWEST_STEPS and not element.xpath("ancestor::li"):
                lists.append(steps)
                blocks.append(("ol", *steps))
        elif not element.xpath("ancestor::*[@itemprop='HowTo']"):
            blocks.append((element.tag, _step_text(element)))
    return HelpPage(text, tuple(lists), tuple(blocks))


def _step_text(step: html.HtmlElement) -> str:
    """What is seen of a step. Of its wordings for several platforms, all hidden until a script shows one, the last is
    the default.
    """
    for element in step.xpath(".//*[self::script or self::style or (@hidden and following-sibling::*[@hidden])]"):
        element.drop_tree()
    for element in step.iter("p", "li", "div", "br", "td"):
        element.tail = f" {element.tail or ''}"
    return " ".join(step.text_content().split())


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def make_pdf(pages: list[HelpPage], target: Path, columns: int, language: str) -> None:
    """A manual of the pages: headings, paragraphs and numbered steps, justified and hyphenated, with a running header
    and page numbers.
    """
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
    from reportlab.lib.units import cm
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    styles = getSampleStyleSheet()
    body = ParagraphStyle("justified", parent=styles["BodyText"], alignment=4, hyphenationLang=HYPHENATION[language])

    def running(canvas: Any, document: Any) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(2 * cm, A4[1] - 1.2 * cm, "LibreOffice Help - step by step")
        canvas.drawString(A4[0] / 2, 1 * cm, f"Page {document.page}")

    width = (A4[0] - 4 * cm - (columns - 1) * cm) / columns
    frames = [Frame(2 * cm + at * (width + cm), 2 * cm, width, A4[1] - 4 * cm) for at in range(columns)]
    story = [_flowable(block, styles, body) for page in pages for block in page.blocks if block[1]]
    BaseDocTemplate(str(target), pageTemplates=[PageTemplate(frames=frames, onPage=running)]).build(story)


def _flowable(block: tuple[str, ...], styles: Any, body: Any) -> Any:
    from reportlab.platypus import ListFlowable, ListItem, Paragraph

    kind, *texts = block
    if kind == "ol":
        return ListFlowable(
            [ListItem(Paragraph(_escaped(step), body)) for step in texts], bulletType="1", bulletFormat="%s."
        )
    return Paragraph(_escaped(texts[0]), body if kind == "p" else styles[f"Heading{kind[1]}"])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").encode("cp1252", "replace").decode("cp1252")
