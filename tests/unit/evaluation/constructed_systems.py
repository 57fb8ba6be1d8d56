"""Ten systems whose worth is known because they are made, over 48 questions of the sample; with what the verdict on
each must be, and why.

Each is compared with `ordinary`, made like the answers of an untuned model: a polite opening, one right step, two steps
of other answers, a closing remark.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.evaluation.evaluation_samples import numbered, write_rows
from toolkit.evaluation.steps import step_texts

SAMPLE = Path(__file__).parents[3] / "recipes" / "sample" / "howto"
QUESTIONS = 48
GENERIC = numbered(
    "Open the app or the web site and sign in to your account.",
    "Go to the settings and choose the right section.",
    "Follow the instructions on the screen.",
    "Save your changes and check that they worked.",
    "Contact support if it still does not work.",
)


@dataclass(frozen=True)
class Expected:
    """The outcome that the verdict must have, and the reason for which it must."""

    outcome: str
    because: str


EXPECTED = {
    "perfect": Expected("better", "it is the human answer, with every step, in order, as a list"),
    "perfect_prose": Expected("better", "it says all that the human answer says; ordinary has no clean list either"),
    "first_two_steps": Expected("not_better", "all it says is right, but it leaves the reader in the middle"),
    "reversed": Expected("not_better", "the right steps in the reverse order cannot be followed"),
    "negated": Expected("not_better", "every step tells to do the opposite of what helps"),
    "other_items": Expected("not_better", "good lists that answer other questions"),
    "generic_list": Expected("not_better", "one list for all questions says nothing about any of them"),
    "parrot": Expected("not_better", "it repeats the question and answers nothing"),
    "copied_question": Expected("not_better", "the question as every step is no answer, whatever words it shares"),
    "unchanged": Expected("not_better", "the answers are those of ordinary, word for word"),
}


def sample_questions(count: int = QUESTIONS) -> list[dict[str, Any]]:
    """Rows of the sample: English ones with at least five steps, drawn by a fixed seed."""
    rows = [
        json.loads(line)
        for file in sorted(SAMPLE.glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    usable = [row for row in rows if row["meta"]["language"] == "en" and len(step_texts(row["output"])) >= 5]
    return random.Random(18).sample(usable, count)


def ordinary(rows: list[dict[str, Any]]) -> list[str]:
    """The baseline's answers."""
    answers = []
    for index in range(len(rows)):
        steps = [step_texts(rows[(index + shift) % len(rows)]["output"]) for shift in (0, 7, 13)]
        listed = numbered(steps[0][index % len(steps[0])], steps[1][0], steps[2][1])
        answers.append(f"Sure, here is what you can do:\n\n{listed}\n\nI hope this helps!")
    return answers


def constructed(name: str, rows: list[dict[str, Any]]) -> list[str]:
    """The answers of one of the systems of EXPECTED, in the order of the rows."""
    answers = [step_texts(row["output"]) for row in rows]
    made = {
        "perfect": [row["output"] for row in rows],
        "perfect_prose": [" ".join(steps) for steps in answers],
        "first_two_steps": [numbered(*steps[:2]) for steps in answers],
        "reversed": [numbered(*steps[::-1]) for steps in answers],
        "negated": [numbered(*(f"Do not {step[:1].lower()}{step[1:]}" for step in steps)) for steps in answers],
        "other_items": [rows[(index + 11) % len(rows)]["output"] for index in range(len(rows))],
        "generic_list": [GENERIC] * len(rows),
        "parrot": [row["prompt"] for row in rows],
        "copied_question": [numbered(*[row["prompt"]] * 5) for row in rows],
        "unchanged": ordinary(rows),
    }
    return made[name]


def write_case(folder: Path, name: str, count: int = QUESTIONS) -> Path:
    """dataset/test.jsonl, and the predictions of `ordinary` as baseline and of the system as tuned."""
    rows = sample_questions(count)
    write_rows(folder / "dataset" / "test.jsonl", rows)
    for system, outputs in (("baseline", ordinary(rows)), ("tuned", constructed(name, rows))):
        predictions = [
            {"id": row["id"], "prompt": row["prompt"], "output": text, "finish_reason": "stop"}
            for row, text in zip(rows, outputs, strict=True)
        ]
        write_rows(folder / system / "predictions.jsonl", predictions)
    return folder
