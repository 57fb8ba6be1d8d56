"""Rows as token ids with labels, and the proof that the prompt that is trained is the prompt that is served."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from toolkit.errors import DataError, ModelError
from toolkit.prompting import CHAT_TEMPLATE, PromptFormat, render_example, render_prompt
from toolkit.records import JSON, Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
PROVEN_ROWS = 32


@dataclass(frozen=True)
class TokenRow:
    """One example for the trainer: `labels` has the length of `input_ids`, -100 = not learned."""

    id: str
    input_ids: list[int]
    labels: list[int]

    @property
    def labelled(self) -> int:
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True)
class TokenRows:
    """Rows that fit, and the ids of those that were longer than `max_length` and are left out."""

    rows: list[TokenRow]
    too_long: list[str]

    @property
    def tokens(self) -> int:
        return sum(len(row.input_ids) for row in self.rows)

    @property
    def labelled_tokens(self) -> int:
        return sum(row.labelled for row in self.rows)

    def counts(self) -> JSON:
        masked = [row.id for row in self.rows if row.labelled == 0]
        return {
            "rows": len(self.rows),
            "tokens": self.tokens,
            "labelled_tokens": self.labelled_tokens,
            "too_long": self.too_long,
            "fully_masked": masked,
        }


def tokenise(
    examples: list[Example],
    prompt_format: PromptFormat,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    split: str,
) -> TokenRows:
    """Token ids and labels of the examples; the loss is on the completion and its EOS alone.

    Raises:
        DataError: there were examples, and every one is longer than `max_length` tokens.
    """
    rows, too_long = [], []
    shortest = None
    for example in examples:
        rendered = render_example(example.prompt, example.output, prompt_format, tokenizer)
        ids = [*rendered.prompt_ids, *rendered.completion_ids]
        shortest = min(shortest or len(ids), len(ids))
        if len(ids) > max_length:
            too_long.append(example.id)
        else:
            rows.append(TokenRow(example.id, ids, [IGNORED] * len(rendered.prompt_ids) + rendered.completion_ids))
    if examples and not rows:
        raise DataError(
            f"All {len(examples)} {split} rows are longer than max_length={max_length} tokens (the shortest has"
            f" {shortest}); raise max_length or shorten the answers."
        )
    return TokenRows(rows, too_long)


@dataclass(frozen=True)
class PromptProof:
    """What was checked before the first step, for training.json. `example_*` show one row."""

    rows_checked: int
    bos_token: str | None
    eos_token: str
    example_id: str
    example_prompt_ids: list[int]
    example_prompt: str
    example_completion: str

    def to_json(self) -> JSON:
        return {
            "train_prompt_is_served_prompt": True,
            "exactly_one_bos": True,
            "eos_is_learned": True,
            "prompt_is_masked": True,
            **asdict(self),
        }


def prove_prompts(
    examples: list[Example], rows: list[TokenRow], prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase
) -> PromptProof:
    """Check on up to 32 rows, spread over the data, that training and serving agree.

    Raises:
        ModelError: the trained prompt differs from the served one, BOS is missing, doubled or in the answer, EOS is
            not learned, or part of the prompt is.
    """
    by_id = {example.id: example for example in examples}
    checked = rows[:: max(1, len(rows) // PROVEN_ROWS)][:PROVEN_ROWS]
    for row in checked:
        _prove(row, render_prompt(by_id[row.id].prompt, prompt_format, tokenizer), prompt_format, tokenizer)
    first = checked[0]
    prompt_length = len(first.labels) - first.labelled
    return PromptProof(
        rows_checked=len(checked),
        bos_token=tokenizer.bos_token,
        eos_token=tokenizer.eos_token,
        example_id=first.id,
        example_prompt_ids=first.input_ids[:prompt_length],
        example_prompt=tokenizer.decode(first.input_ids[:prompt_length]),
        example_completion=tokenizer.decode(first.input_ids[prompt_length:]),
    )


def _prove(
    row: TokenRow, served_prompt: list[int], prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase
) -> None:
    length, bos = len(served_prompt), tokenizer.bos_token_id
    claims = {
        "the trained prompt is not the prompt that generate serves": row.input_ids[:length] == served_prompt,
        "part of the prompt is learned": all(label == IGNORED for label in row.labels[:length]),
        "part of the answer is not learned": row.labels[length:] == row.input_ids[length:],
        "the end-of-sequence token is not learned": row.labels[-1] == tokenizer.eos_token_id,
        "it does not begin with exactly one beginning-of-sequence token": (
            bos is None or _leading(row.input_ids, bos) in ((0, 1) if prompt_format == CHAT_TEMPLATE else (1,))
        ),
        "the answer holds a beginning-of-sequence token": bos is None or bos not in row.input_ids[length:-1],
    }
    for complaint, holds in claims.items():
        if not holds:
            raise ModelError(
                f"Row {row.id}: {complaint}; choose another prompt_format, or repair the tokenizer of this model."
            )


def _leading(ids: list[int], token: int) -> int:
    """How many of this token the ids begin with; later ones may be the model's mark of a turn (ChatML)."""
    return next((number for number, found in enumerate(ids) if found != token), len(ids))
