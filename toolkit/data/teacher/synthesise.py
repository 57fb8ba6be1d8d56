"""Synthesising: a teacher writes how-to pairs for the least covered cells of a grid, or from passages of documents.

Every planned call is a row of the batch: kept with what the teacher wrote, or left out with the reason, so that the
ledger adds up. Rows from a passage carry its lineage, and the passage's own words as support are checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from toolkit.data.cleaning.normalise import normalise_row
from toolkit.data.pages.written_steps import NoSteps, number_steps
from toolkit.data.reading.chunks import Chunk
from toolkit.data.rows import SYNTHETIC, Dropped, Row
from toolkit.data.teacher.grid import Cell, plan_cells
from toolkit.data.teacher.synthesis_prompts import (
    GROUNDED_SYSTEM,
    JUDGE_SYSTEM,
    SYSTEM,
    GroundedHowTo,
    HowTo,
    Verdict,
    grid_prompt,
    grounded_prompt,
    judge_prompt,
)
from toolkit.data.teacher.teacher import Ask, Reply, Teacher
from toolkit.options.shared import StepRangeOptions
from toolkit.options.teacher import GridOptions, SynthesisOptions
from toolkit.records import JSON, sha256_text

LEAST_QUOTE_WORDS = 3


@dataclass(frozen=True)
class Plan:
    """One call that is to be made: a place in the grid, and the passage if it is grounded."""

    cell: Cell
    chunk: Chunk | None = None

    def prompt(self, limits: StepRangeOptions) -> str:
        if self.chunk is None:
            return grid_prompt(self.cell, limits)
        return grounded_prompt(self.cell, self.chunk, limits)


def plan_synthesis(
    options: SynthesisOptions, languages: tuple[str, ...], known: Iterable[Row], chunks: list[Chunk], seed: int
) -> list[Plan]:
    """Calls for the cells that `known` rows cover least, then for rows from passages, each passage in turn in another
    manner.
    """
    plans = [Plan(cell) for cell in plan_cells(options, languages, known, options.rows, seed)]
    if not chunks:
        return plans
    order = sorted(chunks, key=lambda chunk: sha256_text(f"{seed}\n{chunk.lineage}\n{chunk.text}"))
    for number in range(options.grounded_rows):
        chunk, turn = order[number % len(order)], number // len(order)
        plans.append(Plan(_manner(options, languages, chunk, turn, number), chunk))
    return plans


def _manner(grid: GridOptions, languages: tuple[str, ...], chunk: Chunk, turn: int, number: int) -> Cell:
    """Language of the passage (else of the recipe) and the next register, persona and difficulty."""
    language = chunk.language or languages[number % len(languages)]

    def pick(values: tuple[str, ...]) -> str:
        return values[number % len(values)] if values else ""

    return Cell(
        chunk.domain,
        "",
        chunk.title,
        pick(grid.registers),
        language,
        pick(grid.personas),
        pick(grid.difficulties),
        turn + 1,
    )


def synthesise(
    start: int,
    plans: list[Plan],
    teacher: Teacher,
    check: Callable[[Row], str],
    limits: StepRangeOptions,
    judge_min_score: int | None,
) -> list[Row | Dropped]:
    """A row for every plan, in positions from `start` on. `check` says why a row is not good enough; the teacher is
    then asked again.
    """
    replies = teacher.ask_all(synthesis_asks(plans, check, limits), "synthesise")
    results = [_result(plan, reply, start + at) for at, (plan, reply) in enumerate(zip(plans, replies, strict=True))]
    if judge_min_score is not None:
        results = _judge(results, plans, teacher, judge_min_score)
    return results


def synthesis_asks(plans: list[Plan], check: Callable[[Row], str], limits: StepRangeOptions) -> list[Ask]:
    """The calls of the plans, in their order."""
    return [_ask(number, plan, check, limits) for number, plan in enumerate(plans, start=1)]


def _ask(number: int, plan: Plan, check: Callable[[Row], str], limits: StepRangeOptions) -> Ask:
    def check_value(value: JSON) -> str:
        row = _row(plan, value, 0)
        if isinstance(row, Dropped):
            return row.reason
        return check(row) or (unsupported(value["support"], plan.chunk.text) if plan.chunk else "")

    schema: type[HowTo] = HowTo if plan.chunk is None else GroundedHowTo
    system = SYSTEM if plan.chunk is None else GROUNDED_SYSTEM
    return Ask(f"call {number}", system, plan.prompt(limits), schema, check_value)


def unsupported(quotes: list[str], passage: str) -> str:
    """Why quotes do not support an answer: one of them is not in the passage, word for word, or all are too short to
    say anything.
    """
    words = _words(passage)
    for quote in quotes:
        if f" {_words(quote).strip()} " not in f" {words.strip()} ":
            return f"quotes what the passage does not say: {quote[:80]!r}"
    if not any(len(_words(quote).split()) >= LEAST_QUOTE_WORDS for quote in quotes):
        return f"quotes fewer than {LEAST_QUOTE_WORDS} words of the passage"
    return ""


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _row(plan: Plan, value: JSON, position: int) -> Row | Dropped:
    """The row of an answer, in the one form of the data set."""
    source = plan.chunk.source if plan.chunk else ""
    text = number_steps([" ".join(step.split()) for step in value["steps"]])
    lineage = (plan.chunk.lineage,) if plan.chunk else ()
    row = Row(
        SYNTHETIC, "", position, value["question"], text, meta={"source": SYNTHETIC, **plan.cell.meta}, lineage=lineage
    )
    if source:
        row = replace(row, notes=(f"grounded in {source}",))
    try:
        return normalise_row(row)
    except NoSteps as error:
        return Dropped(row, str(error))


def _result(plan: Plan, reply: Reply, position: int) -> Row | Dropped:
    blank = Row(
        SYNTHETIC,
        reply.ask_id,
        position,
        meta={"source": SYNTHETIC, **plan.cell.meta},
        lineage=(plan.chunk.lineage,) if plan.chunk else (),
    )
    if reply.value is None:
        return Dropped(blank, reply.reason)
    row = _row(plan, reply.value, position)
    return replace(row, row=blank) if isinstance(row, Dropped) else replace(row, place=reply.ask_id)


def _judge(results: list[Row | Dropped], plans: list[Plan], teacher: Teacher, least: int) -> list[Row | Dropped]:
    """Rows with a score below `least` are left out; a row that no verdict came for stays, with a note that a person
    should look.
    """
    rows = {(row.prompt, row.output): (at, row) for at, row in enumerate(results) if isinstance(row, Row)}
    passages = {at: plans[at].chunk.text if plans[at].chunk else "" for at, _ in rows.values()}  # type: ignore[union-attr]
    asks = [
        Ask(f"judge {at + 1}", JUDGE_SYSTEM, judge_prompt(row.prompt, row.output, passages[at]), Verdict)
        for at, row in rows.values()
    ]
    verdicts = {reply.ask_id: reply for reply in teacher.ask_all(asks, "judge")}
    judged: list[Row | Dropped] = []
    for result in results:
        at = rows[(result.prompt, result.output)][0] if isinstance(result, Row) else -1
        reply = verdicts.get(f"judge {at + 1}")
        if isinstance(result, Dropped) or reply is None:
            judged.append(result)
        elif reply.value is None:
            judged.append(replace(result, notes=(*result.notes, "review: no verdict of the judge")))
        elif reply.value["score"] < least:
            judged.append(Dropped(result, f"judge: {reply.value['score']} of 5: {reply.value['problem'][:120]}"))
        else:
            judged.append(result)
    return judged
