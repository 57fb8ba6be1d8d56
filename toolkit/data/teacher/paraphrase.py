"""More training rows, made after the split and nowhere else: the teacher rewords the questions of training rows.

A reworded row keeps the steps, names its `parent`, and belongs to its parent's group. What would resemble a held-out
row is left out, so that the leak check still holds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace

from toolkit.data.pages.written_steps import one_line
from toolkit.data.rows import Batch, Dropped, Row
from toolkit.data.selection.oversample import add_to_train
from toolkit.data.selection.questions import GROUPED_FROM, comparable_question, question_key
from toolkit.data.selection.similarity import crossing_pairs
from toolkit.data.selection.split import Split
from toolkit.data.teacher.synthesis_prompts import PARAPHRASE_SYSTEM, Paraphrases, paraphrase_prompt
from toolkit.data.teacher.teacher import Ask, Reply, Teacher
from toolkit.grams import GramSets, comparable
from toolkit.options.data import BalanceOptions, SplitOptions
from toolkit.records import JSON

PARAPHRASED = "paraphrase"
# Placeholders, quoted texts, numbers, words with a capital inside a sentence: what a rewording may not touch.
SLOT = re.compile(r"\[[A-Z]+_\d+\]|\"[^\"]+\"|“[^”]+”|\b\w*\d[\w.,-]*|(?<=[a-z,] )(?!I\b)[A-Z][\w-]*(?: [A-Z][\w-]*)*")


def slots(question: str) -> set[str]:
    """The parts of a question that a rewording must keep as they are."""
    return {match.group().rstrip(".,") for match in SLOT.finditer(question)}


def paraphrase(
    batch: Batch, split: Split, teacher: Teacher, options: BalanceOptions, split_options: SplitOptions
) -> tuple[Batch, Split]:
    """Rewordings of the questions of a share of the training rows, chosen by hash(seed, id)."""
    per_row = options.paraphrases
    parents = [row for row in split.rows_of("train") if _point(split_options.seed, row.id) < options.paraphrase_share]
    parents = list({row.prompt: row for row in reversed(parents)}.values())[::-1]  # one question, asked once
    asks = [
        Ask(
            row.id,
            PARAPHRASE_SYSTEM,
            paraphrase_prompt(row.prompt, row.meta.get("language", ""), per_row),
            Paraphrases,
            _keeps_slots(row.prompt),
        )
        for row in parents
    ]
    replies = teacher.ask_all(asks, "paraphrase")
    made = [item for row, reply in zip(parents, replies, strict=True) for item in _reworded(row, reply, per_row)]
    return add_to_train(batch, split, _without_leaks(made, split, split_options.group_jaccard))


def _point(seed: int, identifier: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{seed}\nparaphrase\n{identifier}".encode()).digest()[:8], "big") / 2**64


def _keeps_slots(question: str) -> Callable[[JSON], str]:
    wanted = slots(question)

    def check(value: JSON) -> str:
        return (
            ""
            if any(_fits(text, question, wanted) for text in value["questions"])
            else "no rewording keeps every name and number"
        )

    return check


def _fits(text: str, question: str, wanted: set[str]) -> bool:
    return (
        all(slot in text for slot in wanted)
        and one_line(text).lower() != question.lower()
        and any(letter.isalpha() for letter in text)
    )


def _reworded(row: Row, reply: Reply, per_row: int) -> list[Row | Dropped]:
    blank = Row(
        PARAPHRASED, f"of {row.id}", meta={**row.meta, "source": PARAPHRASED, "parent": row.id}, id=f"{row.id}/p"
    )
    if reply.value is None:
        return [Dropped(blank, reply.reason)]
    wanted = slots(row.prompt)
    texts = list(dict.fromkeys(one_line(text) for text in reply.value["questions"] if _fits(text, row.prompt, wanted)))[
        :per_row
    ]
    return [
        replace(blank, id=f"{row.id}/p{number}", prompt=text, output=row.output)
        for number, text in enumerate(texts, start=1)
    ]


def _without_leaks(items: list[Row | Dropped], split: Split, group_jaccard: float) -> list[Row | Dropped]:
    rows = [item for item in items if isinstance(item, Row)]
    held_out = [row for name in ("validation", "test") for row in split.rows_of(name)]
    grams, held_out_grams = (GramSets(comparable(row.prompt, row.output) for row in some) for some in (rows, held_out))
    near = {rows[at].id for at, _, _ in crossing_pairs(grams, held_out_grams, group_jaccard)}
    asked, held_out_asked = (GramSets(map(comparable_question, some)) for some in (rows, held_out))
    near |= {rows[at].id for at, _, _ in crossing_pairs(asked, held_out_asked, GROUPED_FROM)}
    held_out_keys = {question_key(row.prompt) for row in held_out}
    near |= {row.id for row in rows if question_key(row.prompt) in held_out_keys}
    return [
        Dropped(item, "resembles a held-out row") if isinstance(item, Row) and item.id in near else item
        for item in items
    ]
