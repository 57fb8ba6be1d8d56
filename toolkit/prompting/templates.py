"""A model's chat template as a prompt format: what it writes before and after a question, and around an answer.

The template is asked once, with made-up words in place of question and answer, and its text is kept. A template that
looks at the clock sees the same day in every run, so that a run that is resumed, the baseline, and the adapter that is
served next year get the tokens that were trained. One that can make a model think aloud is asked not to: the answers
that are trained hold no thoughts.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from toolkit.errors import ModelError
from toolkit.prompting.encoding import controls_in
from toolkit.prompting.formats import CHAT_TEMPLATE, PromptFormat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DAY = datetime(2026, 1, 1)
_QUESTION, _ANSWER = "questionq7f3c1", "answera9d2e5"


def freeze_template(tokenizer: PreTrainedTokenizerBase) -> PromptFormat:
    """The format that the tokenizer's chat template writes for one question and its answer.

    Raises:
        ModelError: there is no template, or it rejects, repeats or leaves out the question.
    """
    asked = render_template(tokenizer, _QUESTION)
    if asked.count(_QUESTION) != 1:
        raise ModelError(
            f"The model's chat template writes a question {asked.count(_QUESTION)} times, expected once; choose another"
            " prompt_format, such as howto."
        )
    prefix, suffix = asked.split(_QUESTION)
    answer_prefix, tail = _around_answer(tokenizer, asked)
    marks = list(controls_in(tail, tokenizer))
    return PromptFormat(
        CHAT_TEMPLATE.name,
        prefix,
        suffix,
        answer_prefix,
        end=tail[: marks[0].end()] if marks else "",
        bos=False,
        trims=render_template(tokenizer, f" {_QUESTION}\n") != f"{prefix} {_QUESTION}\n{suffix}",
    )


def render_template(tokenizer: PreTrainedTokenizerBase, question: str, answer: str | None = None) -> str:
    """What the template writes for a question, ready for an answer, or for a question and its answer.

    Raises:
        ModelError: there is no template, or it rejects the messages.
    """
    messages = [{"role": "user", "content": question}]
    if answer is not None:
        messages.append({"role": "assistant", "content": answer})
    try:
        return str(
            tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=answer is None,
                enable_thinking=False,
                strftime_now=DAY.strftime,
            )
        )
    except Exception as error:  # jinja2.TemplateError, ValueError without a template, and whatever a template calls
        raise ModelError(
            f"The model's chat template rejects a question without a system message ({str(error)[:200]}); choose"
            " another prompt_format, such as howto."
        ) from error


def _around_answer(tokenizer: PreTrainedTokenizerBase, asked: str) -> tuple[str, str]:
    """Text between the prompt and an answer, and after the answer."""
    told = render_template(tokenizer, _QUESTION, _ANSWER)
    if _ANSWER not in told:
        raise ModelError("The model's chat template leaves an answer out; choose another prompt_format, such as howto.")
    before, _, tail = told.rpartition(_ANSWER)
    return before[len(asked) :] if before.startswith(asked) else "", tail
