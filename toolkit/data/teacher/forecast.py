"""What a build would read and what its teacher would cost, from the calls that the build plans. Nothing is sent,
nothing is written.

Tokens of prompts are estimated as the budget estimates them; answers as long as the rows of the sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from toolkit.data.rows import Dropped, Row
from toolkit.data.teacher.synthesis_prompts import (
    JUDGE_SYSTEM,
    PARAPHRASE_SYSTEM,
    judge_prompt,
    paraphrase_prompt,
)
from toolkit.data.teacher.teacher_costs import CHARS_PER_TOKEN, estimate_tokens
from toolkit.data.teacher.teacher_ledger import Call, call_key
from toolkit.options.teacher import BudgetOptions, CallOptions, TeacherOptions
from toolkit.records import JSON

JSON_TOKENS = 20  # keys, quotes and brackets around an answer
VERDICT_TOKENS = 30
QUESTION_CHARS, ANSWER_CHARS = 60, 350  # where the sources hold no row: about what the bundled how-to rows have


@dataclass
class Census:
    """Counts the rows of the sources as they pass by."""

    rows: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    question_chars: int = 0
    answer_chars: int = 0

    def passing(self, items: Iterable[Row | Dropped]) -> Iterator[Row]:
        """The rows among the items."""
        for item in items:
            source = (item.row if isinstance(item, Dropped) else item).source
            for counts, counted in ((self.rows, isinstance(item, Row)), (self.left_out, isinstance(item, Dropped))):
                counts[source] = counts.get(source, 0) + counted
            if isinstance(item, Row):
                self.question_chars += len(item.prompt)
                self.answer_chars += len(item.output)
                yield item

    @property
    def total(self) -> int:
        return sum(self.rows.values())

    @property
    def typical(self) -> tuple[int, int]:
        """Characters of a question and of an answer, on average."""
        return (
            (self.question_chars // self.total, self.answer_chars // self.total)
            if self.total
            else (QUESTION_CHARS, ANSWER_CHARS)
        )


@dataclass
class Phase:
    """The calls of one kind. `tokens_in`, `tokens_out`: of one answer each; `answered`: calls whose answers are on the
    file already.
    """

    name: str
    calls: int = 0
    answered: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


def synthesis_phase(
    name: str, requests: Sequence[tuple[list[JSON], JSON]], known: dict[str, Call], options: CallOptions, census: Census
) -> Phase:
    """Calls whose messages and parameters are known. `known`: the calls of the ledger, which are not made again."""
    phase = Phase(name, len(requests))
    question, answer = census.typical
    quoted = answer if name == "grounded" else 0
    for messages, parameters in requests:
        if _is_answered(messages, parameters, known, options):
            phase.answered += 1
        else:
            phase.tokens_in += estimate_tokens(messages)
            phase.tokens_out += min(options.max_tokens, JSON_TOKENS + _tokens(question + answer + quoted))
    return phase


def judge_phase(grid_rows: int, passage_chars: Sequence[int], census: Census) -> Phase:
    """At most one verdict for each row that is written; `passage_chars` of those that are grounded."""
    question, answer = census.typical
    calls = grid_rows + len(passage_chars)
    each = estimate_tokens(_messages(JUDGE_SYSTEM, judge_prompt("q" * question, "a" * answer, "")))
    return Phase("judge", calls, 0, calls * each + _tokens(sum(passage_chars)), calls * VERDICT_TOKENS)


def paraphrase_phase(rows: int, per_row: int, census: Census) -> Phase:
    """One call for each of `rows` training questions."""
    question, _ = census.typical
    each = estimate_tokens(_messages(PARAPHRASE_SYSTEM, paraphrase_prompt("q" * question, "", per_row)))
    return Phase("paraphrase", rows, 0, rows * each, rows * (JSON_TOKENS + per_row * _tokens(question)))


def teacher_forecast(phases: list[Phase], options: TeacherOptions) -> JSON:
    """All phases together. `at_most`: every answer as long as max_tokens allows, and unusable until the last attempt.
    `cost` null: no prices.
    """
    calls = sum(phase.calls - phase.answered for phase in phases)
    tokens_in, tokens_out = sum(phase.tokens_in for phase in phases), sum(phase.tokens_out for phase in phases)
    most = (tokens_in * options.attempts, calls * options.attempts * options.max_tokens)
    return {
        "model": options.model,
        "base_url": options.base_url,
        "phases": [vars(phase) for phase in phases if phase.calls],
        "calls": calls,
        "answered_already": sum(phase.answered for phase in phases),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "cost": _money(options, tokens_in, tokens_out),
        "at_most": {
            "calls": calls * options.attempts,
            "tokens_in": most[0],
            "tokens_out": most[1],
            "cost": _money(options, *most),
        },
        "max_total_tokens": options.max_total_tokens,
        "max_cost": options.max_cost,
        "stops_at_budget": options.is_beyond(tokens_in, tokens_out),
    }


def _money(options: BudgetOptions, tokens_in: int, tokens_out: int) -> float | None:
    return round(options.cost(tokens_in, tokens_out), 4) if options.has_prices else None


def _is_answered(messages: list[JSON], parameters: JSON, known: dict[str, Call], options: CallOptions) -> bool:
    """Whether one of the attempts has brought something usable."""
    attempt = 0
    while known and (call := known.get(call_key(options.model, messages, parameters, attempt))) is not None:
        if call.state == "answered" and not call.why:
            return True
        attempt += 1
    return False


def _messages(system: str, user: str) -> list[JSON]:
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def _tokens(chars: int) -> int:
    return int(chars / CHARS_PER_TOKEN)
