"""The prompts for a teacher, and the schemas of its answers. The card names them by hash, so a changed word shows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from toolkit.data.reading.chunks import Chunk
from toolkit.data.teacher.grid import Cell
from toolkit.data.teacher.own_rows import Shown
from toolkit.options.shared import StepRangeOptions

LANGUAGES = {
    "en": "English",
    "id": "Indonesian",
    "ms": "Malay",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "nl": "Dutch",
    "pt": "Portuguese",
}

SYSTEM = (
    "You write training examples for an assistant that answers how-to questions with numbered steps. Every step is one"
    " action that a person can carry out, begins with a verb in the imperative, and names what is on the screen or the"
    " device. Write no greeting, no advice to contact support, no placeholders, and nothing that you do not know to be"
    ' true. Answer with one JSON object and nothing else: {"question": "...", "steps": ["...", "..."]}. Do not number'
    " the steps."
)
GROUNDED_SYSTEM = (
    "You write training examples for an assistant that answers how-to questions with numbered steps. Use only what the"
    " passage says. Every step is one action and begins with a verb in the imperative. Copy the parts of the passage"
    " that the steps rest on, word for word and in its own language, into `support`. Answer with one JSON object and"
    ' nothing else: {"question": "...", "steps": ["...", "..."], "support": ["...", "..."]}. Do not number the steps.'
)
JUDGE_SYSTEM = (
    "You check answers to how-to questions before a model is trained on them. Give a score from 1 (wrong, dangerous or"
    " no answer) to 5 (correct, complete, in the right order, each step one action). Name the worst problem in a few"
    ' words, or leave it empty. Answer with one JSON object and nothing else: {"score": 1, "problem": "..."}.'
)
PARAPHRASE_SYSTEM = (
    "You reword questions. Keep the meaning, the language, and every name, number, placeholder in brackets and text in"
    ' quotation marks exactly as it is. Answer with one JSON object and nothing else: {"questions": ["...", "..."]}.'
)
PROMPTS = {"synthesis": SYSTEM, "grounded": GROUNDED_SYSTEM, "judge": JUDGE_SYSTEM, "paraphrase": PARAPHRASE_SYSTEM}


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")


class HowTo(_Answer):
    """A question with its steps, not numbered."""

    question: str = Field(min_length=1)
    steps: list[str] = Field(min_length=1)


class GroundedHowTo(HowTo):
    """A question with steps and the words of the passage that they rest on."""

    support: list[str] = Field(min_length=1)


class Verdict(_Answer):
    """What a judge thinks of a row."""

    score: int = Field(ge=1, le=5)
    problem: str = ""


class Paraphrases(_Answer):
    """Rewordings of one question."""

    questions: list[str] = Field(min_length=1)


def grid_prompt(cell: Cell, limits: StepRangeOptions, shown: Shown) -> str:
    lines = [
        f"Write one question and its answer in {_language(cell.language)}.",
        f"Domain: {cell.domain}",
        f"Task: {cell.task}",
    ]
    lines += [f"App or device: {cell.app} (name it in the question)"] if cell.app else []
    lines += [*_manner(cell), f"Steps: {limits.min_steps} to {limits.max_steps}", f"Variation: {cell.variation}"]
    return "\n".join([*lines, *_there_already(shown)])


def grounded_prompt(cell: Cell, chunk: Chunk, limits: StepRangeOptions, shown: Shown) -> str:
    lines = [f"Write one question that the passage answers, and its answer, in {_language(cell.language)}."]
    lines += [*_manner(cell), f"Steps: {limits.min_steps} to {limits.max_steps}", f"Variation: {cell.variation}"]
    return "\n".join([*lines, *_there_already(shown), "", f"Passage: {chunk.title}", chunk.text])


def _there_already(shown: Shown) -> list[str]:
    """The user's own rows, so that new ones read like them, and the questions that need no further row."""
    lines: list[str] = []
    if shown.examples:
        lines += ["", "Rows of this data set, as examples of tone, length and detail:"]
        lines += [f"Question: {row.prompt}\n{row.output}" for row in shown.examples]
    if shown.questions:
        lines += ["", "Questions that are there already; ask something else:"]
        lines += [f"- {question}" for question in shown.questions]
    return lines


def judge_prompt(question: str, steps: str, passage: str) -> str:
    return f"Question: {question}\n\nAnswer:\n{steps}" + (
        f"\n\nPassage that it must agree with:\n{passage}" if passage else ""
    )


def paraphrase_prompt(question: str, language: str, count: int) -> str:
    return (
        f"Reword this {_language(language)} question in {count} different ways, the last one as somebody in a hurry"
        f" would type it.\nQuestion: {question}"
    )


def _manner(cell: Cell) -> list[str]:
    lines = [f"Register of the question: {cell.register}"] if cell.register else []
    lines += [f"Who asks: {cell.persona}"] if cell.persona else []
    return lines + ([f"Difficulty: {cell.difficulty}"] if cell.difficulty else [])


def _language(code: str) -> str:
    return LANGUAGES.get(code, code or "English")
