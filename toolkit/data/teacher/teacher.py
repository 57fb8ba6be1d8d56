"""A teacher over any OpenAI-compatible API: many questions at once, each answered in a schema or accounted for.

Calls run concurrently up to a bound, back off together on 429, 5xx and time-outs, stop at a budget, and leave every
end in the answer ledger: an answer on the file is never asked for again, nor is a call that was in flight at a kill.
Servers that refuse `json_schema` are asked for `json_object`, then for text, from which the JSON is taken.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel

from toolkit.data.rows import reason_kind
from toolkit.data.teacher.teacher_answers import read_object
from toolkit.data.teacher.teacher_costs import Budget, estimate_tokens
from toolkit.data.teacher.teacher_ledger import AnswerLedger, Call, call_key
from toolkit.errors import PreflightError
from toolkit.options.teacher import CallOptions, ResponseFormat, TeacherOptions
from toolkit.records import JSON, sha256_json
from toolkit.runs.recorder import Recorder

if TYPE_CHECKING:
    from toolkit.data.teacher.teacher_wire import Received, Wire

RESPONSE_FORMATS = get_args(ResponseFormat)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
BUDGET_REACHED = "budget reached"


@dataclass(frozen=True)
class Ask:
    """One question to the teacher. `check` says why an object of the right schema is no answer, "" if it is one.

    `follow` makes the ask that an answer needs behind it, at once and within one unit of the budget: `reserve` (tokens
    in, tokens out) is kept for it, whose id is `follower`, from before the first call.
    """

    id: str
    system: str
    user: str
    schema: type[BaseModel]
    check: Callable[[JSON], str] = lambda value: ""
    follow: Callable[[JSON], Ask] | None = None
    follower: str = ""
    reserve: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Reply:
    """What became of an Ask: `value` in its schema, or `reason`; `after`: what became of the ask that followed."""

    ask_id: str
    value: JSON | None = None
    reason: str = ""
    calls: int = 0
    after: Reply | None = None


class Teacher:
    """Asks in batches. `mask` takes personal data out of every text before it is sent; `first_pause_s`: after the first
    failure in a row.
    """

    def __init__(
        self,
        options: TeacherOptions,
        ledger: AnswerLedger,
        mask: Callable[[str], str],
        recorder: Recorder,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self.options, self.ledger, self.mask, self.recorder = options, ledger, mask, recorder
        self.budget = Budget(options)
        self._first_pause_s = first_pause_s
        self.calls = self.reused = 0
        self.failures: dict[str, int] = {}
        self._format = RESPONSE_FORMATS.index(options.response_format)
        self._tokens_name = "max_tokens"
        self._resume_s = 0.0
        self._fatal = ""
        self.stopped_by_budget = False
        for call in ledger.paid():
            self.budget.settle("", call.tokens_in, call.tokens_out)

    def ask_all(self, asks: Iterable[Ask], phase: str) -> list[Reply]:
        """A reply for each ask, in their order.

        Raises:
            ValueError: two asks are the same text, so that they would share one answer.
            PreflightError: the server refuses everything (key, model or address wrong).
            Cancelled: the run was asked to stop; answers so far are in the ledger.
        """
        asks = list(asks)
        if len({(ask.system, ask.user) for ask in asks}) < len(asks):
            raise ValueError("two asks of one batch are the same text; number them")
        replies = asyncio.run(self._ask_all(asks, phase))
        if self._fatal:
            raise PreflightError(
                f"The teacher {self.options.model} at {self.options.base_url} refuses: {self._fatal}. Check"
                " teacher.model, teacher.base_url and the key."
            )
        self.recorder.check_stop()
        return replies

    async def _ask_all(self, asks: list[Ask], phase: str) -> list[Reply]:
        # A build without a teacher does not load the SDK, which takes longer than the rest of it.
        from toolkit.data.teacher.teacher_wire import Wire

        wire = Wire(self.options)
        replies: list[Reply | None] = [None] * len(asks)
        waiting = iter(enumerate(asks))
        done = 0

        async def work() -> None:
            nonlocal done
            for at, ask in waiting:
                replies[at] = await self._answer(ask, wire)
                done += 1
                self._report(phase, done, len(asks))
                if self._ends:
                    return

        self._report(phase, 0, len(asks))
        try:
            await asyncio.gather(*(work() for _ in range(min(self.options.concurrency, len(asks)))))
        finally:
            await wire.close()
        return [
            reply or Reply(ask.id, reason="not asked: the run was stopped")
            for ask, reply in zip(asks, replies, strict=True)
        ]

    @property
    def _ends(self) -> bool:
        return bool(self._fatal) or self.recorder.stop_requested

    def _report(self, phase: str, done: int, total: int) -> None:
        self.recorder.progress(
            phase,
            done,
            total,
            calls=self.calls,
            tokens=self.budget.tokens,
            cost=round(self.budget.cost, 4),
            failed_calls=sum(self.failures.values()),
        )

    async def _answer(self, ask: Ask, wire: Wire) -> Reply:
        """The reply to an ask, and to the one that follows its answer."""
        reply = await self._tried(ask, wire)
        if ask.follow is not None and reply.value is not None:
            self.budget.set_aside(ask.follower, ask.reserve)  # an answer from the ledger had none kept
            reply = replace(reply, after=await self._tried(ask.follow(reply.value), wire))
        self.budget.set_aside(ask.follower, (0, 0))
        return reply

    async def _tried(self, ask: Ask, wire: Wire) -> Reply:
        """Attempt after attempt until one is valid, a limit is reached, or the run ends."""
        messages = masked_messages(ask, self.mask)
        reason, bad, failed_in_a_row, attempt, calls = "", 0, 0, 0, 0
        while bad < self.options.attempts and failed_in_a_row < self.options.retries and not self._ends:
            parameters = request_parameters(self.options, ask.schema, RESPONSE_FORMATS[self._format], self._tokens_name)
            key = call_key(self.options.model, messages, parameters, attempt)
            call = self.ledger.calls.get(key)
            if call is None:
                received = await self._call(ask, key, attempt, messages, parameters, wire)
                if received is None:
                    self.stopped_by_budget = True
                    return Reply(ask.id, reason=BUDGET_REACHED, calls=calls)
                calls += 1
                if received.kind == "fatal":
                    self._fatal = received.reason
                    break
                if received.kind == "refused" and self._step_down(received.reason, parameters):
                    continue
                if received.kind == "refused":
                    return Reply(ask.id, reason=f"teacher, {received.reason}", calls=calls)
                if received.kind in ("retry", "in_doubt"):
                    reason, failed_in_a_row = received.reason, failed_in_a_row + 1
                    await self._back_off(failed_in_a_row, received.retry_after_s)
                call = self.ledger.calls[key]
            else:
                self.reused += call.state == "answered"
            attempt += 1
            if call.state == "answered":
                value, reason = self._judge(call, ask)
                if value is not None:
                    return Reply(ask.id, value, calls=calls)
                bad, failed_in_a_row = bad + 1, 0
        if self._ends:
            return Reply(ask.id, reason="not asked: the run was stopped", calls=calls)
        return Reply(ask.id, reason=f"teacher, {reason}", calls=calls)

    async def _call(
        self, ask: Ask, key: str, attempt: int, messages: list[JSON], parameters: JSON, wire: Wire
    ) -> Received | None:
        """One call with its lines in the ledger; None if the budget does not allow it."""
        await asyncio.sleep(max(0.0, self._resume_s - time.monotonic()))
        estimate = (estimate_tokens(messages), self.options.max_tokens)
        self.budget.set_aside(ask.id, (0, 0))  # what was kept for this ask is what pays for it
        if not self.budget.promise(key, *estimate, ask.follower, ask.reserve):
            return None
        self.ledger.sent(key, ask.id, attempt, estimate)
        self.calls += 1
        started_s = time.monotonic()
        received = await wire.send(key, messages, parameters)
        seconds = round(time.monotonic() - started_s, 3)
        if received.kind == "answered":
            completion = received.completion
            paid = (
                _or(completion.tokens_in, estimate[0]),
                _or(completion.tokens_out, int(len(completion.content) / 3) or estimate[1]),
            )
            self.ledger.answered(key, completion.content, completion.reason, paid, seconds)
        else:
            in_doubt = received.kind == "in_doubt"
            paid = estimate if in_doubt else (0, 0)
            self.ledger.failed(key, received.reason, in_doubt, seconds)
            self._count(received.reason)
        self.budget.settle(key, *paid)
        return received

    def _judge(self, call: Call, ask: Ask) -> tuple[JSON | None, str]:
        reason = call.why
        value = None
        if not reason:
            value, reason = read_object(call.content, ask.schema)
            reason = reason if value is None else ask.check(value)
        if reason:
            self._count(reason)
        return (value, "") if not reason else (None, reason)

    def _count(self, reason: str) -> None:
        kind = reason_kind(reason)
        self.failures[kind] = self.failures.get(kind, 0) + 1

    def _step_down(self, reason: str, parameters: JSON) -> bool:
        """After a refusal: another name for max_tokens, or a simpler response format, for all calls from now on. False
        if nothing is left.
        """
        if "max_completion_tokens" in reason and self._tokens_name == "max_tokens":
            self._tokens_name = "max_completion_tokens"
            return True
        asked = parameters.get("response_format", {"type": "text"})["type"]
        at = RESPONSE_FORMATS.index(asked)
        self._format = max(self._format, min(at + 1, len(RESPONSE_FORMATS) - 1))
        return self._format > at

    async def _back_off(self, failures: int, retry_after_s: float) -> None:
        """Wait, longer each time, at random so that calls do not come back together; a server that names a time makes
        everybody wait.
        """
        pause = min(LONGEST_PAUSE_S, self._first_pause_s * 2 ** (failures - 1))
        if retry_after_s:
            self._resume_s = max(self._resume_s, time.monotonic() + retry_after_s)
        end_s = time.monotonic() + random.uniform(pause / 2, pause)
        while time.monotonic() < end_s and not self._ends:
            await asyncio.sleep(min(0.2, end_s - time.monotonic() + 0.001))


def masked_messages(ask: Ask, mask: Callable[[str], str]) -> list[JSON]:
    """The messages of a call as they are sent."""
    texts = (("system", ask.system), ("user", ask.user))
    return [{"role": role, "content": mask(text)} for role, text in texts if text]


def request_parameters(
    options: CallOptions, schema: type[BaseModel], response_format: str, tokens_name: str = "max_tokens"
) -> JSON:
    """All else that a call sends."""
    parameters: JSON = {"temperature": options.temperature, tokens_name: options.max_tokens}
    if response_format == "json_schema":
        named = {"name": schema.__name__.lower(), "strict": True, "schema": strict_schema(schema)}
        return {**parameters, "response_format": {"type": "json_schema", "json_schema": named}}
    return (
        {**parameters, "response_format": {"type": "json_object"}} if response_format == "json_object" else parameters
    )


@cache
def strict_schema(schema: type[BaseModel]) -> JSON:
    """The JSON schema as strict servers want it: no further properties, all of them required, no default values."""
    document = schema.model_json_schema()
    for part in (document, *document.get("$defs", {}).values()):
        if part.get("type") == "object":
            part["additionalProperties"] = False
            part["required"] = list(part.get("properties", {}))
            for value in part["properties"].values():
                value.pop("default", None)
    return document


def prompt_hash(*texts: str) -> str:
    """What a card names a prompt by."""
    return sha256_json(list(texts))[:16]


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
