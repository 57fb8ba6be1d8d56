"""What evaluate reads: the references of a data set, and each system's predictions, joined by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolkit.dataset_folder.names import split_file
from toolkit.errors import DataError
from toolkit.predictions import predictions_file, read_predictions
from toolkit.records import JSON, read_examples, read_json, sha256_file
from toolkit.results.document import Source
from toolkit.results.metrics import HUMAN

SLICED_BY = ("language", "domain", "register", "source")  # of a row's meta


@dataclass(frozen=True)
class TestItem:
    """A question of the test set. `group` is the cluster of related items; `second_references` are further human
    answers, `language` is the row's own word for it, such as "en"; `properties` are those that make slices.
    """

    __test__ = False  # not a pytest class

    id: str
    prompt: str
    reference: str
    group: str
    language: str | None = None
    second_references: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class System:
    """One system's answers in the order of the test items. `generation` is the generation.json next to the predictions,
    if there is one. `rest` are its further trainings and decodes, each a system named `tuned #2` and so on.
    """

    name: str
    outputs: list[str]
    finish_reasons: list[str | None]
    source: Source
    generation: JSON = field(default_factory=dict)
    rest: tuple[System, ...] = ()

    @property
    def runs(self) -> tuple[System, ...]:
        """This one and its further trainings and decodes."""
        return (self, *self.rest)


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
            _text(example.meta, "language"),
            _further(example.meta, example.output),
            {name: value for name in SLICED_BY if (value := _text(example.meta, name))},
        )
        for example in read_examples(path)[:max_rows]
    ]
    if not items:
        raise DataError(f"{path} has no rows; expected at least one reference answer.")
    return items, _source(path, len(items))


def read_system(name: str, predictions: Path | Sequence[Path], items: list[TestItem]) -> System:
    """One system's predictions in the order of `items`: a JSONL file, a folder with predictions.jsonl, or one of these
    for each of its trainings and decodes.

    Raises:
        DataError: the name is kept for something else, or the predictions do not fit the items.
    """
    if name == HUMAN or "#" in name:
        raise DataError(
            f"predictions: the name {HUMAN!r} is kept for the references, and # for further trainings of a system;"
            f" found {name!r}: give these predictions another name."
        )
    paths = [predictions] if isinstance(predictions, Path) else predictions
    if not paths:
        raise DataError(f"predictions.{name}: found an empty list; expected one predictions file or more.")
    first, *rest = (_read_run(run_name(name, number), path, items) for number, path in enumerate(paths, start=1))
    return replace(first, rest=tuple(rest))


def run_name(name: str, number: int) -> str:
    """How the training or decode of that number is called: tuned, tuned #2, tuned #3."""
    return name if number == 1 else f"{name} #{number}"


def _read_run(name: str, predictions: Path, items: list[TestItem]) -> System:
    path = predictions_file(predictions)
    found = list(read_predictions(path, {item.id: item.prompt for item in items}).values())
    outputs, reasons = [row.output for row in found], [row.finish_reason for row in found]
    return System(name, outputs, reasons, _source(path, len(found)), read_json(path.parent / "generation.json") or {})


def human_system(items: list[TestItem], source: Source) -> System:
    """The references as a system of their own; a person's answer is never cut off."""
    return System(HUMAN, [item.reference for item in items], ["stop"] * len(items), source)


def _text(meta: dict[str, Any], key: str) -> str | None:
    given = meta.get(key)
    return given if isinstance(given, str) and given else None


def _further(meta: dict[str, Any], reference: str) -> tuple[str, ...]:
    given = meta.get("references")
    return (
        tuple(text for text in given if isinstance(text, str) and text.strip() and text != reference)
        if isinstance(given, list)
        else ()
    )


def _source(path: Path, rows: int) -> Source:
    return Source(file=f"{path.parent.name}/{path.name}", sha256=sha256_file(path), rows=rows)
