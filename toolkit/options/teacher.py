"""Options of data-build's teacher: the calls to it, what they may cost, and what it writes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from toolkit.options.base import Address, OptionalCount, OptionalText, OptionalVariableName, Options, none_word

ResponseFormat = Literal["json_schema", "json_object", "text"]  # the strictest first


def _absolute_or_none(value: Any) -> Any:
    value = none_word(value)
    return Path(os.path.abspath(Path(value).expanduser())) if isinstance(value, str | Path) else value


class CallOptions(Options):
    """How an OpenAI-compatible API is asked."""

    model: str = Field("gpt-4o-mini", min_length=1, description="Model that the server knows.")
    base_url: Address = Field("https://api.openai.com/v1", description="Address of the API, up to /v1.")
    api_key_env: OptionalVariableName = Field(
        "OPENAI_API_KEY", description="Environment variable that holds the key; none for a server without keys."
    )
    temperature: float = Field(0.7, ge=0.0, le=2.0, description="Randomness of the answers; 0 is greedy.")
    max_tokens: int = Field(1024, ge=16, description="Most tokens of one answer.")
    concurrency: int = Field(16, ge=1, le=1024, description="Calls at the same time.")
    timeout_s: float = Field(120.0, gt=0.0, description="Seconds after which a call without an answer is given up.")
    attempts: int = Field(3, ge=1, description="Answers that are paid for before one is given up as unusable.")
    retries: int = Field(8, ge=1, description="Failures in a row (429, 5xx, time-outs) before a call is given up.")
    response_format: ResponseFormat = Field(
        "json_schema", description="Strictest form of JSON to ask for; simpler ones follow."
    )


class BudgetOptions(Options):
    """What the tokens cost, and how much a run may spend."""

    price_in: float = Field(
        0.0, ge=0.0, description="Price of a million prompt tokens, in the currency of the price list."
    )
    price_out: float = Field(0.0, ge=0.0, description="Price of a million answer tokens.")
    max_total_tokens: OptionalCount = Field(
        None, description="Most tokens of the run, prompts and answers together; then the teacher stops."
    )
    max_cost: Annotated[Annotated[float, Field(gt=0.0)] | None, BeforeValidator(none_word)] = Field(
        None, description="Most money of the run; needs prices."
    )

    @model_validator(mode="after")
    def _money_needs_prices(self) -> Self:
        if self.max_cost is not None and not self.has_prices:
            raise ValueError(
                "teacher.max_cost needs prices: set teacher.price_in and teacher.price_out per million tokens"
            )
        return self

    @property
    def has_prices(self) -> bool:
        return bool(self.price_in or self.price_out)

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Money for so many tokens."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1_000_000

    def is_beyond(self, tokens_in: int, tokens_out: int) -> bool:
        """Whether so many tokens are more than a run may spend."""
        too_many = self.max_total_tokens is not None and tokens_in + tokens_out > self.max_total_tokens
        return too_many or (self.max_cost is not None and self.cost(tokens_in, tokens_out) > self.max_cost)


class TeacherOptions(BudgetOptions, CallOptions):
    """The model that writes rows, over any OpenAI-compatible API."""

    answers: Annotated[Path | None, BeforeValidator(_absolute_or_none)] = Field(
        None, description="File that keeps all answers for later runs; in the run folder if left out."
    )
    terms: OptionalText = Field(
        None, description="Terms under which the answers may be used, as the card shall state them."
    )


class DomainOptions(Options):
    """One domain of the grid."""

    name: str = Field(min_length=1, description="Domain, for example finance.")
    apps: tuple[str, ...] = Field((), description="Apps or devices that the tasks are about.")
    tasks: tuple[str, ...] = Field(min_length=1, description="Tasks that people ask about.")


class GridOptions(Options):
    """What the rows are about and for whom; the cells are all combinations, in each language of the recipe."""

    domains: tuple[DomainOptions, ...] = Field((), description="Domains with their apps and tasks; needed for rows.")
    registers: tuple[str, ...] = Field(("formal", "casual"), min_length=1, description="Registers of the questions.")
    personas: tuple[str, ...] = Field((), description="Who asks, for example a first-time user.")
    difficulties: tuple[str, ...] = Field((), description="How hard the task is, for example several conditions.")


class PassageOptions(Options):
    """Passages of the documents that are written from."""

    min_passage_chars: int = Field(200, ge=20, description="Shortest passage that is written from, in characters.")
    max_passage_chars: int = Field(4000, ge=200, description="Longest passage that is sent, in characters.")


class AmountOptions(Options):
    """How many rows are asked for."""

    rows: int = Field(0, ge=0, description="Rows to ask for, for the least covered cells of the grid.")
    grounded_rows: int = Field(
        0, ge=0, description="Rows to ask for that are written from a passage of the document sources."
    )


class SynthesisOptions(PassageOptions, GridOptions, AmountOptions):
    """What the teacher writes: rows for the cells of a grid, and rows from passages of the documents."""

    judge_min_score: Annotated[Annotated[int, Field(ge=1, le=5)] | None, BeforeValidator(none_word)] = Field(
        None, description="Lowest score (1 to 5) of a second call that judges each row; no judge if left out."
    )
    held_out: bool = Field(
        False,
        description="Let rows that the teacher wrote into validation and test too; else they are trained on only.",
    )

    @model_validator(mode="after")
    def _has_a_grid(self) -> Self:
        if self.rows and not self.domains:
            raise ValueError("rows needs domains: name at least one with its tasks")
        return self
