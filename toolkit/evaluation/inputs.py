"""What evaluate reads: the references of a data set, and each system's predictions, joined by id."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.dataset_folder.names import split_file
from toolkit.errors import DataError
from toolkit.records import JSON, iter_jsonl, read_examples, read_json, sha256_file
from toolkit.results.document import Source
from toolkit.results.metrics import HUMAN

_NAMED_IDS = 5


@dataclass(frozen=True)
class TestItem:
    """A question of the test set. `group` is the cluster of related items; `second_references` are further human
    answers.
    """

    __test__ = False  # not a pytest class

    id: str
    prompt: str
    reference: str
    group: str
    second_references: tuple[str, ...] = ()


@dataclass(frozen=True)
class System:
    """One system's answers in the order of the test items. `generation` is the generation.json next to the predictions,
    if there is one.
    """

    name: str
    outputs: list[str]
    finish_reasons: list[str | None]
    source: Source
    generation: JSON = field(default_factory=dict)


def read_references(data: Path, split: str, max_rows: int | None = None) -> tuple[list[TestItem], Source]:
    """The test items of a data set folder (its `split`.jsonl) or of one JSONL file, and where they came from.

    `max_rows` takes the first rows only, as generate does.

    Raises:
        DataError: no such file, no rows, or rows that cannot be used.
    """
    path = data / split_file(split) if data.is_dir() else data
    items = [
        TestItem(
            example.id,
            example.prompt,
            example.output,
            str(example.meta.get("group") or example.id),
            _further(example.meta, example.output),
        )
        for example in read_examples(path)[:max_rows]
    ]
    if not items:
        raise DataError(f"{path} has no rows; expected at least one reference answer.")
    return items, _source(path, len(items))


def read_system(name: str, predictions: Path, items: list[TestItem]) -> System:
    """One system's predictions, a JSONL file or a folder with predictions.jsonl, in the order of `items`.

    Raises:
        DataError: ids are missing, unknown or repeated, an output is no text, or a prompt is not the reference's
            prompt.
    """
    if name == HUMAN:
        raise DataError(
            f"predictions: the name {HUMAN!r} is kept for the references; give these predictions another name."
        )
    path = predictions / "predictions.jsonl" if predictions.is_dir() else predictions
    rows = _rows_by_id(path)
    _require_same_ids(path, rows, items)
    for item in items:
        _require_usable(path, rows[item.id], item)
    ordered = [rows[item.id] for item in items]
    outputs = [row["output"] for row in ordered]
    reasons = [str(row["finish_reason"]) if row.get("finish_reason") else None for row in ordered]
    return System(name, outputs, reasons, _source(path, len(rows)), read_json(path.parent / "generation.json") or {})


def human_system(items: list[TestItem], source: Source) -> System:
    """The references as a system of their own; a person's answer is never cut off."""
    return System(HUMAN, [item.reference for item in items], ["stop"] * len(items), source)


def _rows_by_id(path: Path) -> dict[str, JSON]:
    rows: dict[str, JSON] = {}
    for line_number, row in enumerate(iter_jsonl(path), start=1):
        identifier = str(row.get("id", line_number))
        if identifier in rows:
            raise DataError(
                f"{path}:{line_number}: the id {identifier!r} occurs twice; expected one prediction for each id."
            )
        rows[identifier] = row
    return rows


def _require_same_ids(path: Path, rows: dict[str, JSON], items: list[TestItem]) -> None:
    expected = {item.id for item in items}
    missing = [item.id for item in items if item.id not in rows]
    extra = [identifier for identifier in rows if identifier not in expected]
    if not missing and not extra:
        return
    parts = [f"{path}: found {len(rows)} predictions, expected {len(items)}, one for each reference."]
    if missing:
        parts.append(f"Missing: {_some(missing)}.")
    if extra:
        parts.append(f"Not among the references: {_some(extra)}.")
    raise DataError(" ".join([*parts, "Generate again on the split that is evaluated."]))


def _some(ids: list[str]) -> str:
    rest = len(ids) - _NAMED_IDS
    return ", ".join(ids[:_NAMED_IDS]) + (f" and {rest} more" if rest > 0 else "")


def _require_usable(path: Path, row: JSON, item: TestItem) -> None:
    if not isinstance(row.get("output"), str):
        raise DataError(
            f"{path}: `output` of {item.id} must be a text (an empty one is allowed), found"
            f" {type(row.get('output')).__name__}."
        )
    if isinstance(row.get("prompt"), str) and row["prompt"].strip() != item.prompt.strip():
        raise DataError(
            f"{path}: the prompt of {item.id} is not the reference's prompt; the predictions belong to another data"
            " set. Generate again on the split that is evaluated."
        )


def _further(meta: dict[str, Any], reference: str) -> tuple[str, ...]:
    given = meta.get("references")
    return (
        tuple(text for text in given if isinstance(text, str) and text.strip() and text != reference)
        if isinstance(given, list)
        else ()
    )


def _source(path: Path, rows: int) -> Source:
    return Source(file=f"{path.parent.name}/{path.name}", sha256=sha256_file(path), rows=rows)
