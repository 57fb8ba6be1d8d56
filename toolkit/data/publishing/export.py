"""The data set in other forms: the Hub's layout (README with front matter), CSV, and chat `messages` as JSONL."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import yaml

from toolkit.dataset_folder.documents import Card
from toolkit.dataset_folder.names import CARD_TEXT_FILE, CERTIFICATE_FILE, LEDGER_FILE, SPLITS, split_file
from toolkit.records import JSON, Example, read_examples, write_jsonl, write_text

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
SPDX_OF_HUB = {
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
    "CC-BY-SA-3.0": "cc-by-sa-3.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC0-1.0": "cc0-1.0",
    "MPL-2.0": "mpl-2.0",
}


def export(dataset_dir: Path, out_dir: Path, formats: tuple[str, ...], card: Card) -> None:
    """Write `out_dir/<format>` for each of hub, csv and messages; an older export is replaced."""
    rows = {split: read_examples(dataset_dir / split_file(split)) for split in SPLITS}
    for name in formats:
        folder = out_dir / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        WRITERS[name](folder, rows, card, dataset_dir)


def _hub(folder: Path, rows: dict[str, list[Example]], card: Card, dataset_dir: Path) -> None:
    for split in SPLITS:
        write_jsonl(folder / "data" / split_file(split), (_flat(row) for row in rows[split]))
    for name in (CERTIFICATE_FILE, LEDGER_FILE, *(card.pictures or ())):
        shutil.copyfile(dataset_dir / name, folder / name)
    front = yaml.safe_dump(front_matter(rows, card), sort_keys=False, allow_unicode=True)
    write_text(folder / "README.md", f"---\n{front}---\n\n{(dataset_dir / CARD_TEXT_FILE).read_text(encoding='utf-8')}")


def front_matter(rows: dict[str, list[Example]], card: Card) -> JSON:
    """The metadata that the Hub reads from a README. Several licences are `other`; a split without rows has no file
    there.
    """
    every = [row for split in SPLITS for row in rows[split]]
    languages = sorted({row.meta["language"] for row in every if row.meta.get("language")})
    licences = sorted({source.licence for source in card.sources if source.licence})
    known = SPDX_OF_HUB.get(licences[0], "other") if len(licences) == 1 else "other"
    files = [{"split": split, "path": f"data/{split_file(split)}"} for split in SPLITS if rows[split]]
    front: JSON = {"language": languages or ["und"], "license": known}
    if known == "other":
        front["license_name"] = ", ".join(licences) or "not stated"
    return {
        **front,
        "task_categories": ["text-generation", "question-answering"],
        "size_categories": [next((name for most, name in SIZES if len(every) < most), "n>1M")],
        "tags": ["how-to", "instructions"],
        "configs": [{"config_name": "default", "data_files": files}],
    }


def _flat(row: Example) -> JSON:
    """One column a meta key, the same columns in every row."""
    keys = ("source", "domain", "task", "register", "language", "group", "parent")
    return {"id": row.id, "prompt": row.prompt, "output": row.output, **{key: row.meta.get(key) for key in keys}}


def _csv(folder: Path, rows: dict[str, list[Example]], card: Card, dataset_dir: Path) -> None:
    for split in SPLITS:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(
            text, ["id", "prompt", "output", "source", "domain", "task", "register", "language", "group", "parent"]
        )
        writer.writeheader()
        writer.writerows(_flat(row) for row in rows[split])
        write_text(folder / f"{split}.csv", text.getvalue())


def _messages(folder: Path, rows: dict[str, list[Example]], card: Card, dataset_dir: Path) -> None:
    for split in SPLITS:
        chats = (
            {
                "id": row.id,
                "messages": [{"role": "user", "content": row.prompt}, {"role": "assistant", "content": row.output}],
            }
            for row in rows[split]
        )
        write_jsonl(folder / split_file(split), chats)


WRITERS: dict[str, Callable[[Path, dict[str, list[Example]], Card, Path], None]] = {
    "hub": _hub,
    "csv": _csv,
    "messages": _messages,
}
