"""A small data set on disk for the tests of curation."""

from __future__ import annotations

from pathlib import Path

from toolkit.records import JSON, write_json, write_jsonl
from toolkit.review.curation_items import duplicate_line, review_line


def row(number: int, **meta: str) -> JSON:
    return {
        "id": f"r{number:02}",
        "prompt": f"How do I mend the {number}. kettle?",
        "output": f"1. Unplug kettle {number}.\n2. Open the lid.\n3. Clean it.",
        "meta": {"source": "sample", "domain": "devices", "language": "en", "group": f"g{number}", **meta},
    }


def write_dataset(folder: Path, rows: int = 12) -> Path:
    """12 rows, two of which data-build asks a person about, and a near-duplicate that was left out."""
    lines = [row(number) for number in range(rows)]
    write_jsonl(folder / "train.jsonl", lines[: rows - 4])
    write_jsonl(folder / "validation.jsonl", lines[rows - 4 : rows - 2])
    write_jsonl(folder / "test.jsonl", lines[rows - 2 :])
    asked = [review_line("r03", "may hold a name"), review_line("r11", "no verdict of the judge")]
    twin = duplicate_line(
        "twin",
        "How do I mend a kettle?",
        "1. Unplug it.\n2. Open the lid.\n3. Clean it.",
        {"source": "sample"},
        "r01",
        "near-duplicate",
    )
    write_jsonl(folder / "review.jsonl", [*asked, twin])
    write_json(
        folder / "card.json", {"splits": {"train": {"rows": rows - 4}, "validation": {"rows": 2}, "test": {"rows": 2}}}
    )
    write_json(folder / "leak_certificate.json", {"leak_free": True})
    (folder / "card.md").write_text(
        "# Data card\n\n| split | rows |\n| --- | --- |\n| train | 8 |\n\n![coverage](coverage.svg)\n", encoding="utf-8"
    )
    return folder
