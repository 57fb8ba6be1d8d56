"""What a study compares: the references and the systems' predictions joined by id, and what in them could give a system
away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError
from toolkit.predictions import Prediction, predictions_file, read_predictions
from toolkit.records import JSON, Example, read_examples, sha256_file
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
    files = {name: predictions_file(path) for name, path in predictions.items()}
    examples = read_examples(references)
    prompts = {example.id: example.prompt for example in examples}
    answers = {name: read_predictions(path, prompts) for name, path in files.items()}
    answers[HUMAN] = {example.id: Prediction(example.output, None) for example in examples}
    leaks = [
        leak
        for example in examples
        for name, rows in answers.items()
        for leak in find_leaks(name, example.id, rows[example.id].output, rows[example.id].finish_reason, answers)
    ]
    sources: JSON = {name: sha256_file(path) for name, path in files.items()} | {HUMAN: sha256_file(references)}
    return Inputs([_question(example, answers) for example in examples], sources, leaks)


def _question(example: Example, answers: Mapping[str, Mapping[str, Prediction]]) -> Question:
    return Question(
        example.id,
        example.prompt,
        {name: rows[example.id].output for name, rows in answers.items()},
        str(example.meta.get("group") or example.id),
        str(example.meta.get("language") or "en"),
    )
