"""The renderer: a question, or an example, as token ids. The prompt that is trained is the prompt that is served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import ModelError
from toolkit.prompting.choice import ready_for
from toolkit.prompting.encoding import TOKEN_IDS, Written, encode
from toolkit.prompting.formats import PromptFormat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class RenderedExample:
    """Token ids of one example; the loss is on `completion_ids` only, which end with the token that ends an answer."""

    prompt_ids: TOKEN_IDS
    completion_ids: TOKEN_IDS


def render_prompt(prompt: str, prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> TOKEN_IDS:
    """Token ids of a prompt, ready for an engine; control tokens and BOS stand where the format puts them, and only
    there.

    Raises:
        ModelError: the tokenizer's chat template is asked for, and is absent or rejects the question.
    """
    prompt_format = ready_for(prompt_format, tokenizer)
    return [*_bos(prompt_format, tokenizer), *encode(_prompt_pieces(prompt, prompt_format), tokenizer)]


def render_example(
    prompt: str, output: str, prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase
) -> RenderedExample:
    """Token ids of a training example.

    A turn of a chat template is encoded as a whole, as the model's library does it, and cut where the prompt ends. The
    sides of a plain format are encoded apart, as mistral-common does it.

    Raises:
        ModelError: neither the format nor the tokenizer has an end, so that a model could not learn to stop.
    """
    prompt_format = ready_for(prompt_format, tokenizer)
    prompt_ids = render_prompt(prompt, prompt_format, tokenizer)
    answer = [Written(prompt_format.answer_prefix), Written(output.strip(), by_user=True), Written(prompt_format.end)]
    end = [] if prompt_format.end else [end_token(prompt_format, tokenizer)]
    if prompt_format.from_template:
        turn = encode([*_prompt_pieces(prompt, prompt_format), *answer], tokenizer)
        if turn[: len(prompt_ids)] == prompt_ids:
            return RenderedExample(prompt_ids, [*turn[len(prompt_ids) :], *end])
    return RenderedExample(prompt_ids, [*encode(answer, tokenizer), *end])


def end_token(prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that ends an answer in this format.

    Raises:
        ModelError: there is none.
    """
    prompt_format = ready_for(prompt_format, tokenizer)
    if prompt_format.end:
        return encode([Written(prompt_format.end)], tokenizer)[-1]
    if tokenizer.eos_token_id is None:
        raise ModelError(
            "The tokenizer has no end-of-sequence token; a model trained with it would never stop. Set eos_token in its"
            " tokenizer_config.json."
        )
    return int(tokenizer.eos_token_id)


def decode_answer(token_ids: TOKEN_IDS, prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> str:
    """An answer's text without control tokens, without what the format writes before it, without white space around."""

    def text(ids: TOKEN_IDS) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)).strip()

    written = prompt_format.answer_prefix.strip()
    before = text(encode([Written(written)], tokenizer)) if written else ""
    return text(token_ids).removeprefix(before).strip()


def _prompt_pieces(prompt: str, prompt_format: PromptFormat) -> list[Written]:
    question = prompt.strip() if prompt_format.trims else prompt
    return [Written(prompt_format.prefix), Written(question, by_user=True), Written(prompt_format.suffix)]


def _bos(prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> TOKEN_IDS:
    return [tokenizer.bos_token_id] if prompt_format.bos and tokenizer.bos_token_id is not None else []
