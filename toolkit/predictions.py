"""A system's predictions joined with the references by id, for studies and evaluations. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError
from toolkit.records import JSON, iter_jsonl, row_id

PREDICTIONS_FILE = "predictions.jsonl"
_NAMED_IDS = 5


@dataclass(frozen=True)
class Prediction:
    """One answer; `finish_reason` is None where the file does not say why it ended."""

    output: str
    finish_reason: str | None


def predictions_file(path: Path) -> Path:
    """The predictions of a run's folder, or the file itself."""
    return path / PREDICTIONS_FILE if path.is_dir() else path


def read_predictions(path: Path, prompts: Mapping[str, str]) -> dict[str, Prediction]:
    """The predictions of a JSONL file by id, in the order of `prompts` (the references' prompts by id).

    Raises:
        DataError: ids are missing, unknown or repeated, an output is no text, or a prompt is not the reference's
            prompt.
    """
    rows = _rows_by_id(path)
    _require_same_ids(path, rows, prompts)
    return {
        identifier: _prediction(path, identifier, rows[identifier], prompt) for identifier, prompt in prompts.items()
    }


def _rows_by_id(path: Path) -> dict[str, JSON]:
    rows: dict[str, JSON] = {}
    for line_number, row in enumerate(iter_jsonl(path), start=1):
        identifier = row_id(row, line_number)
        if identifier in rows:
            raise DataError(
                f"{path}:{line_number}: the id {identifier!r} occurs twice; expected one prediction for each id."
            )
        rows[identifier] = row
    return rows


def _require_same_ids(path: Path, rows: Mapping[str, JSON], prompts: Mapping[str, str]) -> None:
    missing = [identifier for identifier in prompts if identifier not in rows]
    extra = [identifier for identifier in rows if identifier not in prompts]
    if not missing and not extra:
        return
    parts = [f"{path}: found {len(rows)} predictions, expected {len(prompts)}, one for each reference."]
    if missing:
        parts.append(f"Missing: {_some(missing)}.")
    if extra:
        parts.append(f"Not among the references: {_some(extra)}.")
    raise DataError(" ".join([*parts, "Generate again on the same references."]))


def _some(ids: list[str]) -> str:
    rest = len(ids) - _NAMED_IDS
    return ", ".join(ids[:_NAMED_IDS]) + (f" and {rest} more" if rest > 0 else "")


def _prediction(path: Path, identifier: str, row: JSON, prompt: str) -> Prediction:
    output, own_prompt, reason = row.get("output"), row.get("prompt"), row.get("finish_reason")
    if not isinstance(output, str):
        raise DataError(
            f"{path}: `output` of {identifier} must be a text (an empty one is allowed), found {type(output).__name__}."
        )
    if isinstance(own_prompt, str) and own_prompt.strip() != prompt.strip():
        raise DataError(
            f"{path}: the prompt of {identifier} is not the reference's prompt; the predictions belong to another data"
            " set. Generate again on the same references."
        )
    return Prediction(output, str(reason) if reason else None)
