"""Which format a model gets: what was asked for, what is stored with the model, or what its tokenizer says.

A name or a path says nothing: copies of a model lie in folders of any name, and other models in folders that sound
alike.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.prompting.encoding import control_tokens
from toolkit.prompting.formats import FORMATS, HOWTO, MISTRAL_V02, PromptFormat, load_format
from toolkit.prompting.templates import freeze_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def choose_format(requested: str, model_dir_or_id: str, tokenizer: PreTrainedTokenizerBase) -> PromptFormat:
    """The format for a model: the requested one, or (auto) the stored one, its chat template, the plain one.

    Mistral's first template is taken in the form of mistral-common, which those models were tuned with.

    Raises:
        ModelError: a template that cannot be used.
    """
    stored = load_format(Path(model_dir_or_id))
    if stored and requested in ("auto", stored.name):
        return ready_for(stored, tokenizer)
    if requested != "auto":
        return ready_for(_as_the_tokenizer_begins(FORMATS[requested], tokenizer), tokenizer)
    if not tokenizer.chat_template:
        return _as_the_tokenizer_begins(HOWTO, tokenizer)
    frozen = freeze_template(tokenizer)
    return MISTRAL_V02 if _is_mistrals_first(frozen, tokenizer) else frozen


def ready_for(prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> PromptFormat:
    """A format with its texts: those of an unfrozen template are taken from the tokenizer."""
    return prompt_format if prompt_format.is_frozen else freeze_template(tokenizer)


def _as_the_tokenizer_begins(prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> PromptFormat:
    """The plain format begins with BOS where the tokenizer's own encoding does."""
    if prompt_format != HOWTO:
        return prompt_format
    bos = tokenizer.bos_token_id
    return replace(prompt_format, bos=bos is not None and tokenizer.encode("a")[:1] == [bos])


def _is_mistrals_first(frozen: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> bool:
    """`<s>[INST] question [/INST] answer</s>` with [INST] as text. Llama 2 writes a space before `</s>`; from v0.2 of
    the tokenizer on, [INST] is a control token.
    """
    return (
        frozen.prefix.removeprefix(tokenizer.bos_token or "").strip() == MISTRAL_V02.prefix.strip()
        and frozen.suffix.strip() == MISTRAL_V02.suffix.strip()
        and frozen.end == tokenizer.eos_token
        and MISTRAL_V02.prefix.strip() not in control_tokens(tokenizer).values()
    )
