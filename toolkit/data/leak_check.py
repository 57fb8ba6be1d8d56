"""The leak check: reads the written splits back and looks for anything that two of them share.

Works on the files alone and with its own exact method, so that a fault of deduplication or of the split shows here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from toolkit.data.similarity import comparable, crossing_pairs, ngrams
from toolkit.data.split import SPLITS
from toolkit.errors import DataError
from toolkit.records import JSON, Example, read_examples, sha256_file

NAMED_LEAKS = 20


@dataclass(frozen=True)
class Leak:
    """Two rows of different splits that share more than they may. `kind`: exact, near-duplicate or lineage."""

    kind: str
    left_split: str
    left_id: str
    right_split: str
    right_id: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.left_split}/{self.left_id} and {self.right_split}/{self.right_id} ({self.detail})"


def certify(dataset_dir: Path, group_jaccard: float) -> JSON:
    """The leak certificate of a data set folder.

    Raises:
        DataError: a pair crosses two splits; the first few are named.
    """
    leaks = find_leaks(dataset_dir, group_jaccard)
    if leaks:
        named = "; ".join(str(leak) for leak in leaks[:3])
        raise DataError(
            f"{len(leaks)} pairs of rows cross two splits of {dataset_dir.name}, for example {named}. Nothing was published; lower group_jaccard by 0.02 and run again."
        )
    return certificate(dataset_dir, group_jaccard, leaks)


def certificate(dataset_dir: Path, group_jaccard: float, leaks: list[Leak]) -> JSON:
    """What was compared, how, and how many pairs of each kind cross."""
    counts = {split: len(_read(dataset_dir, split)) for split in SPLITS}
    return {
        "leak_free": not leaks,
        "crossing_pairs": {kind: sum(leak.kind == kind for leak in leaks) for kind in ("exact", "near-duplicate", "lineage")},
        "rows": counts,
        "pairs_covered": sum(counts[left] * counts[right] for left, right in combinations(SPLITS, 2)),
        "method": f"exact search for Jaccard >= {group_jaccard} of character 4-grams over question and steps without markers; equality of that text; meta.group and meta.parent",
        "sha256": {f"{split}.jsonl": sha256_file(dataset_dir / f"{split}.jsonl") for split in SPLITS},
    }


def find_leaks(dataset_dir: Path, group_jaccard: float) -> list[Leak]:
    """Every pair of rows that crosses two splits by text, near-duplicate text or lineage."""
    rows = {split: _read(dataset_dir, split) for split in SPLITS}
    texts = {split: [comparable(row.prompt, row.output) for row in rows[split]] for split in SPLITS}
    grams = {split: [ngrams(text) for text in texts[split]] for split in SPLITS}
    leaks: list[Leak] = []
    for left, right in combinations(SPLITS, 2):
        for at, other, value in sorted(crossing_pairs(grams[left], grams[right], group_jaccard)):
            kind = "exact" if texts[left][at] == texts[right][other] else "near-duplicate"
            leaks.append(Leak(kind, left, rows[left][at].id, right, rows[right][other].id, f"Jaccard {value:.2f}"))
        leaks += _lineage_leaks(left, rows[left], right, rows[right])
    return leaks


def _read(dataset_dir: Path, split: str) -> list[Example]:
    return read_examples(dataset_dir / f"{split}.jsonl")


def _lineage_leaks(left: str, left_rows: list[Example], right: str, right_rows: list[Example]) -> list[Leak]:
    holders: dict[str, Example] = {}
    for row in right_rows:
        for name in _lineage(row):
            holders.setdefault(name, row)
    return [Leak("lineage", left, row.id, right, holders[name].id, name) for row in left_rows for name in sorted(_lineage(row)) if name in holders]


def _lineage(row: Example) -> set[str]:
    """Names that two related rows share; a parent is known by its id, which a row may be or point to."""
    names = {f"row {row.id}"}
    if group := row.meta.get("group"):
        names.add(f"group {group}")
    if parent := row.meta.get("parent"):
        names.add(f"row {parent}")
    return names
