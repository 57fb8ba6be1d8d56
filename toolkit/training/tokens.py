"""Rows as token ids with labels, and the proof that the prompt that is trained is the prompt that is served."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from toolkit.errors import DataError, ModelError
from toolkit.prompting import PromptFormat, control_tokens, render_example, render_prompt
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
            "longest": max((len(row.input_ids) for row in self.rows), default=0),
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
    """Token ids and labels of the examples; the loss is on the completion and its end alone.

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
    """What was checked before the first step, for training.json. `example_*` show one row.

    `control_tokens` are those of its prompt, by the format; `end_token` is the one that ends the answers.
    """

    rows_checked: int
    control_tokens: list[str]
    end_token: str
    example_id: str
    example_prompt_ids: list[int]
    example_prompt: str
    example_completion: str

    def to_json(self) -> JSON:
        return {
            "train_prompt_is_served_prompt": True,
            "control_tokens_are_the_formats": True,
            "end_is_learned": True,
            "prompt_is_masked": True,
            **asdict(self),
        }


def prove_prompts(
    examples: list[Example], rows: list[TokenRow], prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase
) -> PromptProof:
    """Check on up to 32 rows, spread over the data, that training and serving agree.

    Raises:
        ModelError: the trained prompt differs from the served one, a control token stands where the format has none,
            the end of the answer is not learned, or part of the prompt is.
    """
    by_id = {example.id: example for example in examples}
    checked = rows[:: max(1, len(rows) // PROVEN_ROWS)][:PROVEN_ROWS]
    prove = _Prover(prompt_format, tokenizer)
    for row in checked:
        prove(row, by_id[row.id].prompt)
    first = checked[0]
    prompt_length = len(first.labels) - first.labelled
    return PromptProof(
        rows_checked=len(checked),
        control_tokens=[prove.controls[token] for token in prove.prompt_controls],
        end_token=str(tokenizer.convert_ids_to_tokens(prove.end)),
        example_id=first.id,
        example_prompt_ids=first.input_ids[:prompt_length],
        example_prompt=tokenizer.decode(first.input_ids[:prompt_length]),
        example_completion=tokenizer.decode(first.input_ids[prompt_length:]),
    )


class _Prover:
    """Knows which control tokens the format writes, from an example of one harmless word."""

    def __init__(self, prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> None:
        self.prompt_format, self.tokenizer = prompt_format, tokenizer
        self.controls = {
            token: text for token, text in control_tokens(tokenizer).items() if token != tokenizer.unk_token_id
        }
        bare = render_example("a", "a", prompt_format, tokenizer)
        self.end = bare.completion_ids[-1]
        self.prompt_controls, self.answer_controls = self._of(bare.prompt_ids), self._of(bare.completion_ids)

    def __call__(self, row: TokenRow, question: str) -> None:
        served = render_prompt(question, self.prompt_format, self.tokenizer)
        length = len(served)
        claims = {
            "the trained prompt is not the prompt that generate serves": row.input_ids[:length] == served,
            "part of the prompt is learned": all(label == IGNORED for label in row.labels[:length]),
            "part of the answer is not learned": row.labels[length:] == row.input_ids[length:],
            "the token that ends an answer is not learned": row.labels[-1] == self.end,
            "the prompt holds other control tokens than its format": self._of(served) == self.prompt_controls,
            "the answer holds other control tokens than its format": (
                self._of(row.input_ids[length:]) == self.answer_controls
            ),
        }
        for complaint, holds in claims.items():
            if not holds:
                raise ModelError(
                    f"Row {row.id}: {complaint}; choose another prompt_format, or repair the tokenizer of this model."
                )

    def _of(self, ids: list[int]) -> list[int]:
        return [token for token in ids if token in self.controls]
