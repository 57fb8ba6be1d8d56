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
from toolkit.data.rows import NOT_JUDGED, SYNTHETIC, Dropped, Row
from toolkit.data.selection.questions import question_key
from toolkit.data.teacher.grid import Cell, plan_cells
from toolkit.data.teacher.own_rows import NOTHING_SHOWN, OwnRows, Shown
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
from toolkit.data.teacher.teacher_costs import CHARS_PER_TOKEN, estimate_tokens
from toolkit.options.shared import StepRangeOptions
from toolkit.options.teacher import GridOptions, SynthesisOptions, TeacherOptions
from toolkit.records import JSON, sha256_text

LEAST_QUOTE_WORDS = 3


@dataclass(frozen=True)
class Plan:
    """One call that is to be made: a place in the grid, the passage if it is grounded, and what is shown of the rows
    that are there already.
    """

    cell: Cell
    chunk: Chunk | None = None
    shown: Shown = NOTHING_SHOWN

    def prompt(self, limits: StepRangeOptions) -> str:
        if self.chunk is None:
            return grid_prompt(self.cell, limits, self.shown)
        return grounded_prompt(self.cell, self.chunk, limits, self.shown)


def plan_synthesis(
    options: SynthesisOptions,
    languages: tuple[str, ...],
    known: Iterable[Row],
    chunks: list[Chunk],
    seed: int,
    mask: Callable[[Row], Row],
) -> list[Plan]:
    """Calls for the cells that `known` rows cover least, then for rows from passages, each passage in turn in another
    manner. `mask` takes personal data out of a row that is shown.
    """
    own = OwnRows(seed, mask, frozenset(chunk.lineage for chunk in chunks))
    cells = plan_cells(options, languages, own.passing(known), options.rows, seed)
    plans = [Plan(cell, shown=own.shown(cell)) for cell in cells]
    if not chunks:
        return plans
    order = sorted(chunks, key=lambda chunk: sha256_text(f"{seed}\n{chunk.lineage}\n{chunk.text}"))
    for number in range(options.grounded_rows):
        chunk, turn = order[number % len(order)], number // len(order)
        cell = _manner(options, languages, chunk, turn, number)
        plans.append(Plan(cell, chunk, own.shown(cell, chunk.lineage)))
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
    asks = synthesis_asks(plans, check, limits)
    if judge_min_score is not None:
        asks = [
            _with_judge(ask, plan, at, teacher.options) for at, (ask, plan) in enumerate(zip(asks, plans, strict=True))
        ]
    replies = teacher.ask_all(asks, "synthesise")
    results = [_result(plan, reply, start + at) for at, (plan, reply) in enumerate(zip(plans, replies, strict=True))]
    if judge_min_score is None:
        return results
    return [_verdict(result, reply, judge_min_score) for result, reply in zip(results, replies, strict=True)]


def synthesis_asks(plans: list[Plan], check: Callable[[Row], str], limits: StepRangeOptions) -> list[Ask]:
    """The calls of the plans, in their order."""
    return [_ask(number, plan, check, limits) for number, plan in enumerate(plans, start=1)]


def _ask(number: int, plan: Plan, check: Callable[[Row], str], limits: StepRangeOptions) -> Ask:
    asked = {question_key(question) for question in plan.shown.questions}

    def check_value(value: JSON) -> str:
        row = _row(plan, value, 0)
        if isinstance(row, Dropped):
            return row.reason
        if question_key(row.prompt) in asked:
            return "asks what is there already"
        return check(row) or (unsupported(value["support"], plan.chunk.text) if plan.chunk else "")

    schema: type[HowTo] = HowTo if plan.chunk is None else GroundedHowTo
    system = SYSTEM if plan.chunk is None else GROUNDED_SYSTEM
    return Ask(f"call {number}", system, plan.prompt(limits), schema, check_value)


def _with_judge(ask: Ask, plan: Plan, at: int, options: TeacherOptions) -> Ask:
    """The ask followed by that of its judge: writing and judging a row is one unit of the budget."""
    passage = plan.chunk.text if plan.chunk else ""
    name = f"judge {at + 1}"

    def judge(value: JSON) -> Ask:
        row = _row(plan, value, 0)
        assert isinstance(row, Row)  # the answer was checked
        return Ask(name, JUDGE_SYSTEM, judge_prompt(row.prompt, row.output, passage), Verdict)

    longest = judge_prompt("", "a" * round(options.max_tokens * CHARS_PER_TOKEN), passage)
    tokens_in = estimate_tokens([{"content": JUDGE_SYSTEM}, {"content": longest}])
    return replace(ask, follow=judge, follower=name, reserve=(tokens_in, options.max_tokens))


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


def _verdict(result: Row | Dropped, reply: Reply, least: int) -> Row | Dropped:
    """A row with a score below `least` is left out, and so is one that no verdict came for: unjudged it is no row."""
    if isinstance(result, Dropped):
        return result
    verdict = reply.after or Reply(reply.ask_id, reason="not asked")
    if verdict.value is None:
        return Dropped(result, f"{NOT_JUDGED}: {verdict.reason}")
    if verdict.value["score"] < least:
        return Dropped(result, f"judge: {verdict.value['score']} of 5: {verdict.value['problem'][:120]}")
    return result
