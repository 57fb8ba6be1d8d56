"""Balancing the training split, after the split and nowhere else: reworded questions, and rare cells more often.

A reworded row keeps the steps, names its `parent`, and lies in its parent's group. What would resemble a held-out row
is left out, so that the leak check still holds.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import replace

from toolkit.data.cleaning.normalise import one_line
from toolkit.data.rows import Batch, Dropped, Row
from toolkit.data.selection.similarity import GramSets, comparable, crossing_pairs
from toolkit.data.selection.split import Split
from toolkit.data.teacher.synthesis_prompts import PARAPHRASE_SYSTEM, Paraphrases, paraphrase_prompt
from toolkit.data.teacher.teacher import Ask, Reply, Teacher
from toolkit.records import JSON

PARAPHRASED, REPEATED = "paraphrase", "oversample"
# Placeholders, quoted texts, numbers, words with a capital inside a sentence: what a rewording may not touch.
SLOT = re.compile(r"\[[A-Z]+_\d+\]|\"[^\"]+\"|“[^”]+”|\b\w*\d[\w.,-]*|(?<=[a-z,] )(?!I\b)[A-Z][\w-]*(?: [A-Z][\w-]*)*")


def slots(question: str) -> set[str]:
    """The parts of a question that a rewording must keep as they are."""
    return {match.group().rstrip(".,") for match in SLOT.finditer(question)}


def paraphrase(
    batch: Batch, split: Split, teacher: Teacher, per_row: int, share: float, group_jaccard: float, seed: int
) -> tuple[Batch, Split]:
    """`per_row` rewordings of the questions of a share of the training rows, chosen by hash(seed, id)."""
    parents = [row for row in split.rows_of("train") if _point(seed, row.id) < share]
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
    return _add(batch, split, _without_leaks(made, split, group_jaccard))


def _point(seed: int, identifier: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{seed}\nparaphrase\n{identifier}".encode()).digest()[:8], "big") / 2**64


def _keeps_slots(question: str):  # type: ignore[no-untyped-def]
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
    pairs = crossing_pairs(grams, held_out_grams, group_jaccard)
    near = {rows[at].id for at, _, _ in pairs}
    return [
        Dropped(item, "resembles a held-out row") if isinstance(item, Row) and item.id in near else item
        for item in items
    ]


def oversample(batch: Batch, split: Split, least_rows: int, most_copies: int) -> tuple[Batch, Split]:
    """Training rows of cells (domain, language, register) with fewer than `least_rows` repeated, each at most
    `most_copies` times.
    """
    train = split.rows_of("train")
    cells = Counter(_cell(row) for row in train)
    made: list[Row | Dropped] = []
    for cell, count in sorted(cells.items()):
        rows = [row for row in train if _cell(row) == cell]
        missing = min(max(0, least_rows - count), count * most_copies)
        for number in range(missing):
            row, copy = rows[number % count], number // count + 1
            made.append(
                replace(
                    row,
                    source=REPEATED,
                    place=f"of {row.id}",
                    id=f"{row.id}/x{copy}",
                    meta={**row.meta, "source": REPEATED, "parent": row.id},
                    masks={},
                )
            )
    return _add(batch, split, made)


def _cell(row: Row) -> tuple[str, str, str]:
    return row.meta.get("domain", ""), row.meta.get("language", ""), row.meta.get("register", "")


def _add(batch: Batch, split: Split, items: list[Row | Dropped]) -> tuple[Batch, Split]:
    """Batch and split with rows that were made from training rows behind the others."""
    start = len(batch.kept) + len(batch.dropped)
    placed: list[Row | Dropped] = []
    for at, item in enumerate(items):
        placed.append(
            replace(item, row=replace(item.row, position=start + at))
            if isinstance(item, Dropped)
            else replace(item, position=start + at)
        )
    made = Batch([]).sift(placed)
    group_of = {**split.group_of, **{row.id: split.group_of[row.meta["parent"]] for row in made.kept}}
    split_of = {**split.split_of, **{row.id: "train" for row in made.kept}}
    return Batch([*batch.kept, *made.kept], [*batch.dropped, *made.dropped]), Split(
        [*split.rows, *made.kept], split_of, group_of
    )
