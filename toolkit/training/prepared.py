"""From a data set to proven token rows: what a training starts from, and what its preview shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.errors import PreflightError
from toolkit.options.training import SftOptions
from toolkit.prompting import PromptFormat, choose_format
from toolkit.records import JSON
from toolkit.training.base_model import base_folder, load_tokenizer
from toolkit.training.rows import Rows, load_rows
from toolkit.training.tokens import PromptProof, TokenRow, TokenRows, prove_prompts, tokenise

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PREVIEWED_TOKENS = 512


@dataclass(frozen=True)
class Prepared:
    """Rows of both splits as tokens, with the tokenizer, the prompt format and its proof."""

    rows: Rows
    tokenizer: PreTrainedTokenizerBase
    prompt_format: PromptFormat
    train: TokenRows
    validation: TokenRows
    proof: PromptProof

    def counts(self) -> JSON:
        return {"train": self.train.counts(), "validation": self.validation.counts()}


def prepare(options: SftOptions) -> Prepared:
    """Read, render, tokenise and prove.

    Raises:
        PreflightError: no data was given.
        DataError: no rows, or none that fits `max_length`.
        ModelError: no such model or tokenizer, a template that rejects the rows, or a proof that fails.
    """
    if options.data is None:
        raise PreflightError("data: give a data set folder, a folder of JSONL files or one JSONL file.")
    rows = load_rows(options.data, options.validation_share)
    tokenizer = load_tokenizer(options)
    chosen = choose_format(options.prompt_format, str(base_folder(options, weights=False)), tokenizer)
    train = tokenise(rows.train, chosen, tokenizer, options.max_length, "training")
    validation = tokenise(rows.validation, chosen, tokenizer, options.max_length, "validation")
    return Prepared(
        rows, tokenizer, chosen, train, validation, prove_prompts(rows.train, train.rows, chosen, tokenizer)
    )


def preview(prepared: Prepared) -> JSON:
    """Counts, proof, and the first row token by token: `tokens` is a list of [text, whether it is learned]."""
    first = prepared.train.rows[0]
    return {
        "prompt_format": prepared.prompt_format.name,
        "counts": prepared.counts(),
        "proof": prepared.proof.to_json(),
        "row": first.id,
        "tokens": _token_texts(first, prepared.tokenizer),
    }


def _token_texts(row: TokenRow, tokenizer: PreTrainedTokenizerBase) -> list[list[Any]]:
    """Each token's share of the decoded text; a character of several tokens counts for its last one."""
    shown: list[list[Any]] = []
    before = ""
    for end in range(1, min(len(row.input_ids), PREVIEWED_TOKENS) + 1):
        text = tokenizer.decode(row.input_ids[:end])
        whole = text[: len(text) - 1] if text.endswith("\N{REPLACEMENT CHARACTER}") else text
        shown.append([whole[len(before) :], row.labels[end - 1] >= 0])
        before = max(before, whole, key=len)
    return shown
