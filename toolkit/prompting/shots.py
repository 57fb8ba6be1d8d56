"""A question with examples before it (few-shot): the same format, turn after turn, by the same renderer.

A chat template is asked once for two questions with an answer between them, and the text between is kept, so that the
examples are turns of their own and control tokens come from the template alone. A plain format is written again for
each example.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.errors import ModelError
from toolkit.prompting.choice import ready_for
from toolkit.prompting.encoding import TOKEN_IDS, Written, encode
from toolkit.prompting.formats import HOWTO, PromptFormat
from toolkit.prompting.templates import DAY
from toolkit.records import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_WORDS = ("questionq7f3c1", "answera9d2e5", "questionq2b8d4")


def render_with_shots(
    prompt: str, shots: Sequence[Example], prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase
) -> TOKEN_IDS:
    """Token ids of a prompt after `shots`, in their order, each a question with its answer.

    Raises:
        ModelError: the chat template rejects a second question, or leaves one out.
    """
    prompt_format = ready_for(prompt_format, tokenizer)
    before, between = around(prompt_format, tokenizer) if shots else (prompt_format.suffix, "")
    pieces = [Written(prompt_format.prefix)]
    for shot in shots:
        pieces += [
            Written(_trimmed(shot.prompt, prompt_format), by_user=True),
            Written(before),
            Written(shot.output.strip(), by_user=True),
            Written(between),
        ]
    pieces += [Written(_trimmed(prompt, prompt_format), by_user=True), Written(prompt_format.suffix)]
    has_bos = prompt_format.bos and tokenizer.bos_token_id is not None
    return [*([tokenizer.bos_token_id] if has_bos else []), *encode(pieces, tokenizer)]


def _trimmed(question: str, prompt_format: PromptFormat) -> str:
    return question.strip() if prompt_format.trims else question


def around(prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> tuple[str, str]:
    """Text between an example's question and its answer, and between that and the next question."""
    if not prompt_format.from_template:
        end = "\n\n" if prompt_format.name == HOWTO.name else str(tokenizer.eos_token or "\n")
        space = "" if prompt_format.suffix[-1:].isspace() else " "
        return prompt_format.suffix + space, end + prompt_format.prefix
    roles = ("user", "assistant", "user")
    messages = [{"role": role, "content": word} for role, word in zip(roles, _WORDS, strict=True)]
    try:
        told = str(
            tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=False, strftime_now=DAY.strftime
            )
        )
    except Exception as error:  # jinja2.TemplateError, and whatever a template calls
        raise ModelError(
            f"The model's chat template rejects examples before a question ({str(error)[:200]}); choose another"
            " prompt_format, such as howto, or leave few_shot out."
        ) from error
    if [told.count(word) for word in _WORDS] != [1, 1, 1]:
        raise ModelError(
            "The model's chat template does not write each of two questions and an answer once; choose another"
            " prompt_format, such as howto, or leave few_shot out."
        )
    middle, _, rest = told.partition(_WORDS[0])[2].partition(_WORDS[1])
    return middle, rest.partition(_WORDS[2])[0]
