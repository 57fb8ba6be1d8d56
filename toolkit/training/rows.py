"""Which rows train and which validate: a data set folder, a folder of JSONL files, or one file. The test split is never
read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.dataset_folder.names import LEDGER_FILE, split_file
from toolkit.errors import DataError
from toolkit.records import Example, read_examples, sha256_file, sha256_json, sha256_text

NOT_FOR_TRAINING = frozenset({split_file("test"), LEDGER_FILE})


@dataclass(frozen=True)
class Rows:
    """Examples of the two splits. `dataset_hash` covers the names and bytes of the files that were read."""

    train: list[Example]
    validation: list[Example]
    dataset_hash: str
    files: list[str]


def load_rows(data: Path, validation_share: float) -> Rows:
    """The rows of a data set folder (train.jsonl, validation.jsonl), of a folder's JSONL files, or of one JSONL file.

    Without a validation.jsonl, `validation_share` of the rows are held out by the hash of their question, so that the
    choice depends on neither order nor seed and equal questions stay together; 0 holds out none.

    Raises:
        DataError: no rows, an empty split, the test split given as training data, or a broken line.
    """
    train_files, validation_file = _files(data)
    rows = _read_all(train_files)
    if not rows:
        raise DataError(f"{data} has no rows to train on; expected JSONL lines with `prompt` and `output`.")
    read = [*train_files, *([validation_file] if validation_file else [])]
    dataset_hash = sha256_json([[file.name, sha256_file(file)] for file in read])
    names = [file.name for file in read]
    if validation_file is None:
        train, validation = hold_out(rows, validation_share)
        return Rows(train, validation, dataset_hash, names)
    validation = read_examples(validation_file)
    if not validation:
        raise DataError(
            f"{validation_file} is empty; fill it, or remove it to take validation_share of the training rows instead."
        )
    return Rows(rows, validation, dataset_hash, names)


def _files(data: Path) -> tuple[list[Path], Path | None]:
    """Files to train on, and the validation file if there is one."""
    if data.is_file():
        if data.name == split_file("test"):
            raise DataError(
                f"{data} is the test split, which is never trained on; give the data set's folder or another file."
            )
        return [data], None
    validation = data / split_file("validation")
    validation_file = validation if validation.is_file() else None
    if (data / split_file("train")).is_file():
        return [data / split_file("train")], validation_file
    files = [
        file for file in sorted(data.glob("*.jsonl")) if file.name not in NOT_FOR_TRAINING and file != validation_file
    ]
    if not files:
        raise DataError(
            f"{data} has no train.jsonl and no other JSONL files to train on; give a data set folder, a folder of JSONL"
            " files or one file."
        )
    return files, validation_file


def _read_all(files: list[Path]) -> list[Example]:
    """Rows of all files in order of name; ids are prefixed with their file's name where two files share one."""
    by_file = [(file, read_examples(file)) for file in files]
    ids = [row.id for _, rows in by_file for row in rows]
    if len(set(ids)) == len(ids):
        return [row for _, rows in by_file for row in rows]
    return [replace(row, id=f"{file.stem}:{row.id}") for file, rows in by_file for row in rows]


def hold_out(rows: list[Example], share: float) -> tuple[list[Example], list[Example]]:
    """`rows` as (kept, held out): the `share` with the smallest question hashes, at least one where share > 0.

    Raises:
        DataError: nothing would be left to train on.
    """
    if share == 0.0:
        return rows, []
    keys = [sha256_text(" ".join(row.prompt.casefold().split())) for row in rows]
    limit = sorted(keys)[max(1, round(share * len(rows))) - 1]
    kept = [row for row, key in zip(rows, keys, strict=True) if key > limit]
    if not kept:
        raise DataError(
            f"Found {len(rows)} row(s) with too few different questions to hold some out; add rows or set"
            " validation_share to 0."
        )
    return kept, [row for row, key in zip(rows, keys, strict=True) if key <= limit]
