"""The few-shot baseline: rows of train in the prompt of the untuned model, the same for all questions or the nearest.

Test rows never serve: the rows come from train.jsonl of the data set alone, which its leak certificate holds apart, and
one with the very question that is asked is left out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.dataset_folder.names import split_file
from toolkit.errors import DataError, ModelError
from toolkit.options.generation import GenerateOptions
from toolkit.records import JSON, Example, read_examples, sha256_file

if TYPE_CHECKING:
    from toolkit.generation.prompts import Request
    from toolkit.grams import GramSets

FEW_SHOT = "few_shot"


@dataclass
class Shots:
    """Which rows of train stand before a question. `picked` holds the ids for each question that was asked for."""

    rows: list[Example]
    count: int
    nearest: bool
    sha256: str
    fixed: list[Example] = field(default_factory=list)
    picked: dict[str, list[str]] = field(default_factory=dict)
    _grams: GramSets | None = None

    def for_question(self, prompt: str) -> list[Example]:
        """The rows in the order in which they are shown; the nearest one is the last."""
        found = self._nearest(prompt) if self.nearest else self.fixed
        chosen = [row for row in found if row.prompt.strip() != prompt.strip()][-self.count :]
        self.picked[prompt] = [row.id for row in chosen]
        return chosen

    def record(self, prompts: dict[str, str]) -> JSON:
        """For generation.json: what was shown, by the id of the question where that differs. `prompts`: id to text."""
        shown: JSON | list[str] = (
            {identifier: self.picked.get(text, []) for identifier, text in prompts.items()}
            if self.nearest
            else [row.id for row in self.fixed]
        )
        return {"count": self.count, "by": "nearest" if self.nearest else "fixed", "train": self.sha256, "rows": shown}

    def _nearest(self, prompt: str) -> list[Example]:
        """The most alike questions by the Jaccard similarity of their 4-grams; of equal ones the earlier rows."""
        from toolkit.grams import GramSets, comparable, similarities

        if self._grams is None:
            self._grams = GramSets(comparable(row.prompt, "") for row in self.rows)
        alike = similarities(GramSets([comparable(prompt, "")])[0], self._grams)
        order = sorted(range(len(self.rows)), key=lambda at: (-alike[at], at))[: self.count + 1]
        return [self.rows[at] for at in reversed(order)]


def read_shots(settings: GenerateOptions) -> Shots:
    """The rows of train for the system `few_shot`.

    Raises:
        DataError: no train.jsonl beside the questions, fewer rows than asked for, or train itself is answered.
    """
    data = settings.data
    path = data / split_file("train") if data else Path()
    if data is None or not data.is_dir() or not path.is_file():
        raise DataError(
            f"systems: few_shot shows rows of train, and data={data} has no train.jsonl; give a data set folder as"
            " data-build writes it."
        )
    if settings.split == "train":
        raise DataError("systems: few_shot with split=train would show a question its own answer; take test.")
    rows = read_examples(path)
    if len(rows) <= settings.shots:
        raise DataError(f"shots is {settings.shots}, and {path} has {len(rows)} rows; give fewer shots.")
    fixed = random.Random(settings.seed).sample(rows, settings.shots)
    return Shots(rows, settings.shots, settings.shots_by == "nearest", sha256_file(path), fixed)


def require_room(requests: list[Request], shots: Shots, wanted: int, context: int | None) -> None:
    """Raises ModelError where a prompt with its examples leaves no room for an answer of `wanted` tokens."""
    longest = max(requests, key=lambda request: len(request.prompt_ids))
    needed = len(longest.prompt_ids) + wanted
    if context is not None and needed > context:
        raise ModelError(
            f"systems: few_shot does not fit the context: the prompt of {longest.id} with {shots.count} examples has"
            f" {len(longest.prompt_ids)} tokens, with max_new_tokens {wanted} that is {needed}, and there is room for"
            f" {context}. Give fewer shots, or fewer max_new_tokens."
        )
