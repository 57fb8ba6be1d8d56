"""Step lists out of web pages, PDFs and question-answer pages: what is kept and how fast, compared with
trafilatura, resiliparse and pypdf.

    make bench-data        (or: python benchmarks/data_extract.py)

Pages are Debian's LibreOffice help in English and Indonesian; the truth is their own microdata. Peers and the writer of
the PDFs come with `pip install '.[bench]'`, best into an environment of its own (docs/experiments.md). All numbers are
of one core; the sides of a row take turns within one run.
"""

from __future__ import annotations

import importlib.util
import io
import json
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.data_pages import HelpPage, fetch_package, fetch_pages, make_pdf, procedures, words_of
from benchmarks.report import finish, skip
from toolkit.data.cleaning.check import clean_row
from toolkit.data.pages.html_pages import read_html
from toolkit.data.pages.pdf_layout import read_pdf
from toolkit.data.pages.sections import Section
from toolkit.data.pages.written_steps import NoSteps, parse_steps
from toolkit.data.reading.sources import read_sources
from toolkit.data.rows import Row
from toolkit.evaluation.steps import step_texts
from toolkit.options.data import DataBuildOptions
from toolkit.runs.recorder import Recorder

PEERS = ("trafilatura", "resiliparse", "pypdf", "reportlab", "pyphen")
# Where a package holds a manual in several languages: its folders in English.
IN_ENGLISH = {"gnucash-docs": "gnucash-*-en", "apache2-doc": "manual/en", "dia-common": "html/en"}
WITH_PROCEDURES = ("gimp-help-en", "gnucash-docs")
FIRST_WORDS = 8  # of a step, by which it is known
HOW_TO_INSTALL = "pip install '.[bench]' into an environment of its own: see docs/experiments.md"
ROUNDS = 3
BATCH = 200
Reader = Callable[[str], str]


def main() -> int:
    missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
    if missing:
        return skip("data_extract", f"not installed: {', '.join(missing)}; {HOW_TO_INSTALL}")
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        pages = fetch_pages(Path(scratch))
        if isinstance(pages, str):
            return skip("data_extract", pages)
        values, beside = _html(pages)
        pdf_values, pdf_beside = _pdf(pages, Path(scratch))
        manuals = _manuals(Path(scratch))
    forms = {"question-answer forms found": _forms(), "forms of numbering, of 60": _numbering()}
    return finish("data_extract", {**values, **pdf_values, **forms, **manuals}, {**beside, **pdf_beside})


def _html(pages: dict[str, list[HelpPage]]) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    readers = _html_readers()
    values: dict[str, float] = {}
    beside: dict[str, dict[str, float]] = {}
    for language, texts in pages.items():
        speed = _speed(readers, [page.text for page in texts])
        quality = {name: _quality(read, texts) for name, read in readers.items()}
        print(
            json.dumps(
                {
                    "language": language,
                    "pages": len(texts),
                    "lists": sum(len(page.lists) for page in texts),
                    "quality": quality,
                }
            ),
            file=sys.stderr,
        )
        for at, what in enumerate(("step text kept", "numbering kept")):
            key = f"HTML {language}: {what}"
            values[key] = quality["steptune"][at]
            beside[key] = {name: quality[name][at] for name in readers if name != "steptune"}
        key = f"HTML {language}: pages/s"
        values[key] = speed["steptune"]
        beside[key] = {name: speed[name] for name in readers if name != "steptune"}
    return values, beside


def _html_readers() -> dict[str, Reader]:
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    readers: dict[str, Reader] = {
        "steptune": lambda text: _as_text(read_html(text)),
        "resiliparse": lambda text: extract_plain_text(text, main_content=True, list_bullets=True),
    }
    readers["trafilatura"] = lambda text: trafilatura.extract(text, output_format="markdown") or ""
    readers["trafilatura, favor_recall"] = lambda text: (
        trafilatura.extract(text, output_format="markdown", favor_recall=True) or ""
    )
    return readers


def _as_text(sections: list[Section]) -> str:
    """Sections as a reader would print them, so that all sides are judged by their text."""
    return "\n".join(
        f"{number}. {step}"
        for section in sections
        for steps in section.lists
        for number, step in enumerate(steps.steps, start=1)
    )


def _quality(read: Reader, pages: list[HelpPage]) -> tuple[float, float]:
    """Share of the words of all steps that the text holds, and share of step lists whose every step stands on a line of
    its own, numbered and in order.
    """
    words = kept = lists = numbered = 0
    for page in (page for page in pages if page.lists):
        text = read(page.text)
        for steps in page.lists:
            wanted, found = Counter(words_of(" ".join(steps))), Counter(words_of(text))
            words += sum(wanted.values())
            kept += sum((wanted & found).values())
            lists += 1
            numbered += _is_numbered(steps, text)
    return round(kept / words, 4), round(numbered / lists, 4)


def _is_numbered(steps: tuple[str, ...], text: str) -> bool:
    """Whether steps 1, 2, 3 ... of the list follow one another as numbered lines, known by their first words."""
    lines = [
        (int(match[1]), words_of(match[2])[:4])
        for match in re.finditer(r"^[ \t>*-]*(\d{1,3})[.)][ \t\n]+(.*)$", text, re.MULTILINE)
    ]
    starts = [words_of(step)[:4] for step in steps]
    return any(_follows(lines[at:], starts) for at, (_, start) in enumerate(lines) if start == starts[0])


def _follows(lines: list[tuple[int, list[str]]], starts: list[list[str]]) -> bool:
    """The numbers may begin above 1 where a list goes on after an interruption; sub-steps may stand between."""
    number, at = lines[0][0], 0
    for line_number, start in lines:
        if at < len(starts) and line_number == number + at and start == starts[at]:
            at += 1
    return at == len(starts)


def _speed(readers: dict[str, Reader], texts: list[str]) -> dict[str, float]:
    """Pages per second of processor time, median of the rounds; batches of the readers alternate."""
    seconds: dict[str, list[float]] = {name: [0.0] * ROUNDS for name in readers}
    chosen = texts[:: max(1, len(texts) // (4 * BATCH))]
    for turn in range(ROUNDS):
        for start in range(0, len(chosen), BATCH):
            for name, read in readers.items():
                begun = time.process_time()
                for text in chosen[start : start + BATCH]:
                    read(text)
                seconds[name][turn] += time.process_time() - begun
    return {name: round(len(chosen) / statistics.median(turns)) for name, turns in seconds.items()}


def _pdf(pages: dict[str, list[HelpPage]], scratch: Path) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """The pages that hold step lists, as one PDF by language and number of columns."""
    readers = _pdf_readers()
    values: dict[str, float] = {}
    beside: dict[str, dict[str, float]] = {}
    for columns, name in ((1, "one column"), (2, "two columns")):
        quality: dict[str, list[float]] = {reader: [] for reader in readers}
        seconds: dict[str, list[float]] = {reader: [0.0] * ROUNDS for reader in readers}
        sheets = 0
        for language, texts in pages.items():
            with_lists = [page for page in texts if page.lists]
            file = scratch / f"{language}-{columns}.pdf"
            make_pdf(with_lists, file, columns, language)
            raw, lists = file.read_bytes(), [steps for page in with_lists for steps in page.lists]
            sheets += raw.count(b"/Type /Page\n") or raw.count(b"/Type /Page ")
            for turn in range(ROUNDS):
                for reader, read in readers.items():
                    begun = time.process_time()
                    text = read(raw)
                    seconds[reader][turn] += time.process_time() - begun
                    if turn == 0:
                        quality[reader].extend(_is_numbered(steps, text) for steps in lists)
        numbering = {reader: round(statistics.fmean(kept), 4) for reader, kept in quality.items()}
        speed = {reader: round(sheets / statistics.median(turns), 1) for reader, turns in seconds.items()}
        print(json.dumps({"PDF": name, "pages": sheets, "seconds": seconds}), file=sys.stderr)
        for what, numbers in (("numbering kept", numbering), ("pages/s", speed)):
            values[f"PDF {name}: {what}"] = numbers.pop("steptune")
            beside[f"PDF {name}: {what}"] = numbers
    return values, beside


def _pdf_readers() -> dict[str, Callable[[bytes], str]]:
    import pypdf

    return {
        "steptune": lambda raw: _as_text(read_pdf(raw)),
        "pypdf": lambda raw: "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(raw)).pages),
    }


def _forms() -> float:
    """Share of the forms of a question-answer page in which question and steps are found whole."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "data"))
    from question_answer_pages import PAGES, QUESTION, STEPS

    wanted = [(QUESTION, [[step.rstrip(".") for step in STEPS]])]
    found = 0
    for page in PAGES.values():
        sections = [section for section in read_html(page, "en") if section.lists]
        found += [
            (section.title, [[step.rstrip(".") for step in steps.steps] for steps in section.lists])
            for section in sections
        ] == wanted
    return found / len(PAGES)


def _numbering() -> float:
    """How many forms of numbering give the same steps in data-build and evaluation."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "data"))
    from numbering_forms import FORMS, STEPS

    return float(sum(_steps(text) == STEPS == step_texts(text) for text in FORMS.values()))


def _steps(text: str) -> list[str]:
    try:
        return parse_steps(text)[0]
    except NoSteps:
        return []


def _manuals(scratch: Path) -> dict[str, float]:
    """Rows of Debian's manuals against the judgements of a person (data_precision.json): the share that is right among
    those judged, and how many of the rows nobody has judged; and the share of procedures that became rows. A manual has
    as many rows as it has tasks with steps.
    """
    judged = json.loads(Path(__file__).with_name("data_precision.json").read_text("utf-8"))
    values: dict[str, float] = {}
    for manual in dict.fromkeys(line["manual"] for line in judged):
        right = {(line["file"], line["question"]): line["right"] for line in judged if line["manual"] == manual}
        package = fetch_package(manual, scratch)
        if package is None:
            continue
        in_english = sorted(package.rglob(IN_ENGLISH[manual])) if manual in IN_ENGLISH else [package]
        folders = [folder for folder in in_english if folder.is_dir()]
        rows = [(_file_of(row), row.prompt, row.output) for folder in folders for row in _rows_of(folder)]
        known = [right[row[:2]] for row in rows if row[:2] in right]
        values[f"precision {manual}: rows judged"] = len(known)
        values[f"precision {manual}: rows not judged"] = len(rows) - len(known)
        values[f"precision {manual}: share right"] = round(sum(known) / len(known), 3) if known else 0.0
        if manual in WITH_PROCEDURES:
            truth = [procedure for folder in folders for procedure in procedures(folder)]
            found = sum(any(_is_of(output, procedure, at) for at, _, output in rows) for procedure in truth)
            values[f"recall {manual}: procedures"] = len(truth)
            values[f"recall {manual}: share that became rows"] = round(found / len(truth), 3)
    return values


def _file_of(row: Row) -> str:
    return row.place.rsplit("/", 1)[-1].rsplit(":", 1)[0]


def _is_of(output: str, procedure: tuple[str, list[set[str]]], file: str) -> bool:
    """Whether a row holds the first steps of a procedure: of the first words of each one may be another."""
    name, wanted = procedure
    steps = [set(words_of(step)[1 : 1 + FIRST_WORDS]) for step in output.split("\n")]
    return name == file and all(len(step - words) <= 1 for step, words in zip(steps, wanted, strict=False))


def _rows_of(folder: Path) -> Iterator[Row]:
    """The rows of a manual's pages that a build would keep."""
    options = DataBuildOptions.model_validate(
        {"sources": {"type": "documents", "path": folder, "skip": ["*.pdf", "*.epub", "*.txt"]}, "anonymise": []}
    )
    for item in read_sources(options.sources, False, Recorder(None)):
        row = clean_row(item, options) if isinstance(item, Row) else item
        if isinstance(row, Row):
            yield row


if __name__ == "__main__":
    sys.exit(main())
