"""The rows of a data set that people decide on, the lines of REVIEW_FILE by which data-build asks for them, and the
answers of a model that somebody sent there (`steptune ask`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from toolkit.dataset_folder.names import REVIEW_FILE, SPLITS, split_file
from toolkit.errors import DiskFullError
from toolkit.records import JSON, append_jsonl, is_disk_full, read_examples, read_growing_jsonl, sha256_text

_ASKED = Path("asked") / "pairs.jsonl"  # in the curation folder: a source of data-build, for journals lie beside it


@dataclass(frozen=True)
class Item:
    """A row to decide on. `why` says what a person should look at; `twin` is the id of the row that a duplicate was
    left out for.
    """

    id: str
    prompt: str
    output: str
    split: str = ""
    meta: JSON = field(default_factory=dict)
    why: tuple[str, ...] = ()
    twin: str = ""

    @property
    def digest(self) -> str:
        return text_digest(self.prompt, self.output)


def text_digest(prompt: str, output: str) -> str:
    return sha256_text(f"{prompt}\n{output}")[:16]


def load_items(dataset: Path) -> dict[str, Item]:
    """All rows of the splits and the near-duplicates that were left out, by id; first those that data-build asks a
    person about.
    """
    wanted: dict[str, list[str]] = {}
    duplicates = []
    for line in read_growing_jsonl(dataset / REVIEW_FILE):
        if line.get("twin"):
            duplicates.append(
                Item(
                    str(line["id"]),
                    str(line["prompt"]),
                    str(line["output"]),
                    "",
                    line.get("meta") or {},
                    (str(line["why"]),),
                    str(line["twin"]),
                )
            )
        else:
            wanted.setdefault(str(line["id"]), []).append(str(line["why"]))
    rows = [
        Item(row.id, row.prompt, row.output, split, row.meta, tuple(wanted.get(row.id, ())))
        for split in SPLITS
        if (dataset / split_file(split)).exists()
        for row in read_examples(dataset / split_file(split))
        if row.meta.get("source") not in ("paraphrase", "oversample")  # made from rows that are looked at themselves
    ]
    rows.sort(key=lambda item: not item.why)
    return {item.id: item for item in [*_asked_items(dataset), *rows, *duplicates]}


def folder_of(dataset: Path) -> Path:
    """Where the journals of a data set are kept."""
    return dataset.parent / f"{dataset.name}.curation"


def send_to_queue(dataset: Path, item: Item) -> Path:
    """Put a question with a model's answer before the people who curate a data set; returns the file of such pairs.

    Raises:
        DiskFullError: no space.
    """
    path = folder_of(dataset) / _ASKED
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {"id": item.id, "prompt": item.prompt, "output": item.output, "meta": item.meta, "why": "; ".join(item.why)}
    try:
        append_jsonl(path, row, durable=True)
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise DiskFullError(f"No space left for {path}; nothing was sent. Free some and send it again.") from error
    return path


def _asked_items(dataset: Path) -> list[Item]:
    return [
        Item(str(row["id"]), str(row["prompt"]), str(row["output"]), "", row.get("meta") or {}, (str(row["why"]),))
        for row in read_growing_jsonl(folder_of(dataset) / _ASKED)
        if row.keys() >= {"id", "prompt", "output", "why"}
    ]


def review_line(identifier: str, why: str) -> JSON:
    """A line of REVIEW_FILE for a row that is in a split."""
    return {"id": identifier, "why": why}


def duplicate_line(identifier: str, prompt: str, output: str, meta: JSON, twin: str, why: str) -> JSON:
    """A line of REVIEW_FILE for a row that was left out as a near-duplicate of `twin`."""
    return {"id": identifier, "prompt": prompt, "output": output, "meta": meta, "twin": twin, "why": why}
