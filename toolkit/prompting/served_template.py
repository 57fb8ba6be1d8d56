"""The chat template that an exported model carries: whoever serves it renders a question as it was trained.

The model's own template is taken where it writes just that for a question, as runtimes call it: with today's date and
without arguments of its own. Otherwise (a date, a thinking switch, a plain format) one is made from the frozen texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.errors import ModelError
from toolkit.prompting.choice import ready_for
from toolkit.prompting.formats import PromptFormat
from toolkit.prompting.shots import around

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PROBES = ("How do I do it?", " 1. Two\n\nlines \t")
# A system message, which no training saw, stands before the question, as Mistral's own template puts it.
_TEMPLATE = (
    "{{%- set state = namespace(before={start}, system='') -%}}"
    "{{%- for message in messages -%}}"
    "{{%- if message['role'] == 'system' -%}}"
    "{{%- set state.system = message['content'] + {gap} -%}}"
    "{{%- elif message['role'] == 'user' -%}}"
    "{{{{- state.before + state.system + {question} + {suffix} -}}}}"
    "{{%- set state.before = {between} -%}}{{%- set state.system = '' -%}}"
    "{{%- else -%}}"
    "{{{{- {answer_prefix} + message['content'] -}}}}"
    "{{%- endif -%}}{{%- endfor -%}}"
)


def served_template(prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> tuple[str, bool]:
    """The Jinja template, and whether it is the model's own.

    Raises:
        ModelError: the tokenizer's chat template is asked for, and is absent or rejects the question.
    """
    prompt_format = ready_for(prompt_format, tokenizer)
    if _own_writes_it(prompt_format, tokenizer):
        return str(tokenizer.chat_template), True
    return _template_of(prompt_format, tokenizer), False


def text_around(prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> tuple[str, str]:
    """What stands before and after a question, the BOS that a plain format begins with as text."""
    bos = str(tokenizer.bos_token or "") if prompt_format.bos and tokenizer.bos_token_id is not None else ""
    return bos + prompt_format.prefix, prompt_format.suffix


def _own_writes_it(prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> bool:
    if not isinstance(tokenizer.chat_template, str):
        return False
    start, suffix = text_around(prompt_format, tokenizer)
    for probe in _PROBES:
        question = probe.strip() if prompt_format.trims else probe
        try:
            written = tokenizer.apply_chat_template(
                [{"role": "user", "content": probe}], tokenize=False, add_generation_prompt=True
            )
        except Exception:  # jinja2.TemplateError, and whatever a template calls
            return False
        if written != start + question + suffix:
            return False
    return True


def _template_of(prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> str:
    start, suffix = text_around(prompt_format, tokenizer)
    try:
        _, between = around(prompt_format, tokenizer)
    except ModelError:  # it takes one question only
        between = (prompt_format.end or str(tokenizer.eos_token or "")) + prompt_format.prefix
    return _TEMPLATE.format(
        start=_literal(start),
        suffix=_literal(suffix),
        between=_literal(between),
        answer_prefix=_literal(prompt_format.answer_prefix),
        gap=_literal("\n\n"),
        question="(message['content'] | trim)" if prompt_format.trims else "message['content']",
    )


def _literal(text: str) -> str:
    """A Jinja string; a line break stands in it as itself, as in the templates that models come with."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
