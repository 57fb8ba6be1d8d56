"""The prompt renderer: how a question becomes token ids, for training, for generation and for previews alike.

The one module that several stages share, so that the prompt that is trained is the prompt that is served. A format is
stored with the model that needs it (`prompt_format.json`) and with every adapter; it is chosen once, by
`choose_format`, and travels from there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import ModelError
from toolkit.records import read_json, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FORMAT_FILE = "prompt_format.json"
TOKEN_IDS = list[int]


@dataclass(frozen=True)
class PromptFormat:
    """Text around the question and before the answer. `name` is `chat_template` when the tokenizer's template rules."""

    name: str
    prefix: str = ""
    suffix: str = ""
    answer_prefix: str = ""  # belongs to the completion: Mistral's answers begin with a space


# Base models: a heading that any of them has seen.
HOWTO = PromptFormat("howto", prefix="### Question\n", suffix="\n\n### Answer: numbered steps\n")
# mistral-common's v1 encoding, which Mistral-7B-Instruct-v0.2 was tuned with: <s>[INST] question [/INST] answer</s>, no
# system role.
MISTRAL_V02 = PromptFormat("mistral_v0.2", prefix="[INST] ", suffix=" [/INST]")
CHAT_TEMPLATE = PromptFormat("chat_template")
FORMATS = {known.name: known for known in (HOWTO, MISTRAL_V02, CHAT_TEMPLATE)}


@dataclass(frozen=True)
class RenderedExample:
    """Token ids of one example; the loss is on `completion_ids` only, which end with EOS."""

    prompt_ids: TOKEN_IDS
    completion_ids: TOKEN_IDS


def render_prompt(prompt: str, prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase) -> TOKEN_IDS:
    """Token ids of a prompt, ready for an engine.

    A chat template says itself where a BOS belongs: some models have none, and in ChatML it is the mark of every turn.
    The plain formats begin with exactly one where the tokenizer has one.

    Raises:
        ModelError: the tokenizer's chat template is asked for, and is absent or rejects the question.
    """
    if prompt_format.name == "chat_template":
        return _apply_template(prompt, tokenizer)
    text = f"{prompt_format.prefix}{prompt.strip()}{prompt_format.suffix}"
    return _one_bos(_encode(text, tokenizer), tokenizer)


def render_example(
    prompt: str, output: str, prompt_format: PromptFormat, tokenizer: PreTrainedTokenizerBase
) -> RenderedExample:
    """Token ids of a training example. The two sides are encoded apart, so that serving meets the same prompt ids.

    Raises:
        ModelError: the tokenizer has no EOS, so that a model could not learn to stop.
    """
    if tokenizer.eos_token_id is None:
        raise ModelError(
            "The tokenizer has no end-of-sequence token; a model trained with it would never stop. Set eos_token in its"
            " tokenizer_config.json."
        )
    completion = _encode(f"{prompt_format.answer_prefix}{output.strip()}", tokenizer)
    return RenderedExample(render_prompt(prompt, prompt_format, tokenizer), [*completion, tokenizer.eos_token_id])


def _apply_template(prompt: str, tokenizer: PreTrainedTokenizerBase) -> TOKEN_IDS:
    messages = [{"role": "user", "content": prompt}]
    try:
        return list(
            tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
        )
    except Exception as error:  # jinja2.TemplateError, ValueError without a template, and whatever a template calls
        raise ModelError(
            f"The model's chat template rejects a question without a system message ({str(error)[:200]}); choose"
            " another prompt_format, such as howto."
        ) from error


def _encode(text: str, tokenizer: PreTrainedTokenizerBase) -> TOKEN_IDS:
    return list(tokenizer.encode(text, add_special_tokens=False))


def _one_bos(ids: TOKEN_IDS, tokenizer: PreTrainedTokenizerBase) -> TOKEN_IDS:
    """Exactly one BOS: tokenizers may or may not add one, and a second one spoils the output."""
    bos = tokenizer.bos_token_id
    if bos is None:
        return ids
    while ids and ids[0] == bos:
        ids = ids[1:]
    return [bos, *ids]


def choose_format(requested: str, model_dir_or_id: str, tokenizer: PreTrainedTokenizerBase) -> PromptFormat:
    """The format for a model: the requested one, or (auto) the stored one, Mistral's by name, its chat template, the
    plain one.
    """
    if requested != "auto":
        return FORMATS[requested]
    if stored := load_format(Path(model_dir_or_id)):
        return stored
    if "mistral-7b-instruct-v0.2" in model_dir_or_id.lower():
        return MISTRAL_V02
    return CHAT_TEMPLATE if tokenizer.chat_template else HOWTO


def load_format(folder: Path) -> PromptFormat | None:
    """The format stored in a model or adapter folder, if any."""
    stored: dict[str, Any] | None = read_json(folder / FORMAT_FILE)
    return PromptFormat(**stored) if stored else None


def save_format(prompt_format: PromptFormat, folder: Path) -> None:
    write_json(folder / FORMAT_FILE, asdict(prompt_format))
