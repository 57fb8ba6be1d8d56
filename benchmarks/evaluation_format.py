"""The grammar of format conformance against a person's verdict on 200 answers (format_answers.txt). Part of
`make bench-eval`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from toolkit.evaluation.conformance import check_format

ANSWERS = Path(__file__).with_name("format_answers.txt")


class Judged(NamedTuple):
    """An answer, whether a person called it one numbered list and nothing else, and why."""

    output: str
    conforms: bool
    why: str


def judged_answers() -> list[Judged]:
    """The 200 answers in their order."""
    _, *blocks = re.split(r"^=== ", ANSWERS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = []
    for block in blocks:
        head, _, output = block.partition("\n")
        verdict, _, why = head.partition(": ")
        found.append(Judged(output.removesuffix("\n"), verdict == "yes", why))
    return found


def disagreements() -> list[str]:
    """Where the grammar says something else: the person's verdict and reason."""
    return [
        f"{'yes' if judged.conforms else 'no'}: {judged.why}"
        for judged in judged_answers()
        if check_format(judged.output, "stop", 2, 15).conforms != judged.conforms
    ]


def format_grammar() -> tuple[dict[str, float], dict[str, dict[str, list[str]]]]:
    """How many of the 200 agree."""
    wrong = disagreements()
    key = "format grammar: hand-judged answers that agree, of 200"
    return {key: len(judged_answers()) - len(wrong)}, {key: {"disagree": wrong}}
