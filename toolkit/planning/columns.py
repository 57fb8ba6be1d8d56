"""Whether sources of records have the columns that their options name: looked up in the first rows of each file, before
a build leaves all of them out.
"""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from toolkit.options.sources import CsvSource, JsonlSource, RecordOptions
from toolkit.planning.check import Check
from toolkit.settings import Settings
from toolkit.text_files import text_lines

ROWS = 20
# Names that question and answer go by, the commonest first.
QUESTIONS = ("prompt", "question", "instruction", "query", "title", "input")
ANSWERS = ("output", "answer", "response", "completion", "solution", "text", "body")


def column_checks(settings: Settings) -> list[Check]:
    """A warning for each source of which the first rows lack question or answer under the names that it gives them."""
    sources = getattr(settings, "sources", ())
    records = [(at, source) for at, source in enumerate(sources) if isinstance(source, JsonlSource | CsvSource)]
    return [check for at, source in records if (check := _check(at, source)) is not None]


def _check(index: int, source: JsonlSource | CsvSource) -> Check | None:
    if source.messages_field or (isinstance(source, JsonlSource) and source.records):
        return None
    file = next(_files(source), None)
    there = _columns(file, source) if file is not None else []
    wanted = {"prompt_field": source.prompt_field, "output_field": source.output_field}
    missing = {option: name for option, name in wanted.items() if name.partition(".")[0] not in there}
    if file is None or not there or not missing:
        return None
    guesses = {"prompt_field": QUESTIONS, "output_field": ANSWERS}
    hints = {option: next((name for name in guesses[option] if name in there), "") for option in missing}
    advice = " ".join(f"{option}={name}" for option, name in hints.items() if name)
    what_to_do = f"set {advice}" if advice else "set prompt_field and output_field to what holds question and answer"
    return Check(
        f"sources.{index}",
        "warning",
        f"{file.name} has {', '.join(there[:12])}; expected {' and '.join(missing.values())}: {what_to_do}, or leave"
        " the type out, and the columns are found.",
    )


def _files(source: RecordOptions) -> Iterator[Path]:
    suffixes = (".csv", ".tsv") if isinstance(source, CsvSource) else (".jsonl", ".json")
    if source.path.is_file():
        yield source.path
    else:
        yield from (path for path in sorted(source.path.rglob("*")) if path.suffix in suffixes)


def _columns(file: Path, source: JsonlSource | CsvSource) -> list[str]:
    """The columns of the first rows; [] for a file of another form, which the build itself judges."""
    try:
        lines = [text for _, text in itertools.islice(text_lines(file, source.encoding), ROWS) if isinstance(text, str)]
        if isinstance(source, CsvSource):
            return next(csv.reader(lines, delimiter=source.delimiter), [])
        rows = [json.loads(text) for text in lines if text.strip()]
    except (OSError, ValueError, csv.Error, LookupError):
        return []
    return list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
