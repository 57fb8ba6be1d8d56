"""What a study compares: the references and the systems' predictions joined by id, and what in them could give a system
away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError
from toolkit.records import JSON, Example, iter_jsonl, read_examples, sha256_file
from toolkit.review.study.leaks import Leak, find_leaks
from toolkit.review.study.packets import Question
from toolkit.review.study.plan import HUMAN


@dataclass(frozen=True)
class Inputs:
    """The questions with all answers, where the answers came from, and what could give a system away."""

    questions: list[Question]
    sources: JSON
    leaks: list[Leak]


def read_inputs(references: Path, predictions: Mapping[str, Path]) -> Inputs:
    """Join the systems' predictions with the references by id.

    Raises:
        DataError: not one or two systems, a system called `human`, missing or repeated ids, or a file that cannot be
            used.
    """
    if not 1 <= len(predictions) <= 2 or HUMAN in predictions:
        raise DataError(
            f"found the systems {', '.join(predictions) or 'none'}, expected one or two with names other than"
            f" {HUMAN!r}: the references are the third."
        )
    predictions = {name: path / "predictions.jsonl" if path.is_dir() else path for name, path in predictions.items()}
    examples = read_examples(references)
    outputs: dict[str, dict[str, JSON]] = {name: _rows_by_id(path) for name, path in predictions.items()}
    for name, rows in outputs.items():
        missing = [example.id for example in examples if example.id not in rows]
        if missing:
            raise DataError(
                f"{predictions[name]}: {len(missing)} questions have no answer ({', '.join(missing[:5])}); generate"
                f" again on {references}."
            )
        extra = sorted(set(rows) - {example.id for example in examples})
        if extra:
            raise DataError(
                f"{predictions[name]}: {len(extra)} answers are to no question of {references}"
                f" ({', '.join(extra[:5])}); generate again on it."
            )
        for example in examples:
            prompt = rows[example.id].get("prompt", example.prompt)
            if str(prompt).strip() != example.prompt.strip():
                raise DataError(
                    f"{predictions[name]}: the prompt of {example.id} is another one than in {references}; they do not"
                    " belong together."
                )
    names = [*predictions, HUMAN]
    questions = [_question(example, outputs) for example in examples]
    leaks = [
        leak
        for question in questions
        for name, text in question.answers.items()
        for leak in find_leaks(name, question.id, text, _finish_reason(outputs, name, question.id), names)
    ]
    sources: JSON = {name: sha256_file(path) for name, path in predictions.items()} | {HUMAN: sha256_file(references)}
    return Inputs(questions, sources, leaks)


def _rows_by_id(path: Path) -> dict[str, JSON]:
    rows: dict[str, JSON] = {}
    for line_number, row in enumerate(iter_jsonl(path), start=1):
        name = str(row.get("id", line_number))
        if name in rows:
            raise DataError(
                f"{path}:{line_number}: the id {name!r} occurs twice; expected one answer to each question."
            )
        if not isinstance(row.get("output"), str):
            raise DataError(f"{path}:{line_number}: `output` must be a text, found {type(row.get('output')).__name__}.")
        rows[name] = row
    return rows


def _question(example: Example, outputs: Mapping[str, dict[str, JSON]]) -> Question:
    answers = {name: rows[example.id]["output"] for name, rows in outputs.items()} | {HUMAN: example.output}
    return Question(
        example.id,
        example.prompt,
        answers,
        str(example.meta.get("group") or example.id),
        str(example.meta.get("language") or "en"),
    )


def _finish_reason(outputs: Mapping[str, dict[str, JSON]], system: str, item: str) -> str | None:
    return outputs[system][item].get("finish_reason") if system in outputs else None
