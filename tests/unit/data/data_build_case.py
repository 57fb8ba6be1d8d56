"""What several data-build tests share: rows as files, and the chain of stages as the recipe calls it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.data.publishing.publish import publish
from toolkit.data.reading.sources import read_sources
from toolkit.data.rows import Batch
from toolkit.data.stages import Stages
from toolkit.dataset_folder.documents import Card
from toolkit.options.data import DataBuildOptions
from toolkit.options.sources import Source
from toolkit.records import JSON, iter_jsonl
from toolkit.runs.recorder import Recorder

SPLITS = ("train", "validation", "test")


def build(sources: Sequence[Source], run_dir: Path, **changed: Any) -> Card:
    """The card of a data set built into run_dir/dataset."""
    asked = {"anonymise": ("email", "phone"), "rules": (), **changed}
    options = DataBuildOptions(sources=tuple(sources), **asked)
    with tempfile.TemporaryDirectory() as folder:
        stages = Stages(Path(folder), Recorder(None))
        batch = stages.deduplicate(stages.clean(stages.collect(options), options), options)
        return publish(run_dir / "dataset", batch, stages.split(batch, options), options, Recorder(None))


def read_rows(*sources: Source, strict: bool = False) -> Batch:
    """What the sources hold, not cleaned yet."""
    return Batch([]).sift(read_sources(sources, strict, Recorder(None)))


def pair(number: int) -> JSON:
    """A row that resembles no other: its words are made from a hash of the number."""
    letters = "".join(chr(ord("a") + byte % 26) for byte in hashlib.sha512(str(number).encode()).digest())
    words = [letters[at : at + 8] for at in range(0, 64, 8)]
    return {
        "id": f"r{number}",
        "prompt": f"How do I mend {' '.join(words[:3])}?",
        "output": f"1. {words[3]} {words[4]}.\n2. {words[5]} {words[6]}.\n3. {words[7]} done.",
    }


def write_rows(path: Path, rows: list[JSON | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)}\n" for row in rows),
        encoding="utf-8",
    )
    return path


def ledger(run_dir: Path) -> list[JSON]:
    return list(iter_jsonl(run_dir / "dataset" / "ledger.jsonl"))


def split_ids(run_dir: Path) -> dict[str, str]:
    """Split by row id, as written."""
    return {row["id"]: split for split in SPLITS for row in iter_jsonl(run_dir / "dataset" / f"{split}.jsonl")}
