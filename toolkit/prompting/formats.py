"""Prompt formats: what stands around a question and an answer, and the file in which it travels with a model.

A format is stored with the model that needs it (`prompt_format.json`) and with every adapter. One that comes from a
chat template is stored as the text that the template wrote, so that a date in it, or a later edition of the template,
changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from toolkit.errors import ModelError
from toolkit.records import JSON, read_json, write_json

FORMAT_FILE = "prompt_format.json"


@dataclass(frozen=True)
class PromptFormat:
    """Text around the question and the answer; control tokens in it are control tokens.

    `answer_prefix` and `end` belong to what is learned: Llama 2's answers begin with a space, and `end` is what the
    template writes after an answer, up to and with the token that ends it. Without an `end` it is the tokenizer's EOS.
    """

    name: str
    prefix: str = ""
    suffix: str = ""
    answer_prefix: str = ""
    end: str = ""
    bos: bool = True  # the tokenizer's BOS comes first; a chat template writes its own into `prefix`
    trims: bool = True  # white space around the question is cut off

    @property
    def from_template(self) -> bool:
        return self.name == CHAT_TEMPLATE.name

    @property
    def is_frozen(self) -> bool:
        """Whether the texts are here; if not, they are still to be taken from the tokenizer's template."""
        return not self.from_template or bool(self.prefix or self.suffix)


# Base models: a heading that any of them has seen.
HOWTO = PromptFormat("howto", prefix="### Question\n", suffix="\n\n### Answer: numbered steps\n")
# mistral-common's v1 encoding, which Mistral-7B-Instruct v0.1 and v0.2 were tuned with:
# <s>[INST] question [/INST] answer</s>, no system role.
MISTRAL_V02 = PromptFormat("mistral_v0.2", prefix="[INST] ", suffix=" [/INST]")
CHAT_TEMPLATE = PromptFormat("chat_template", bos=False)
FORMATS = {known.name: known for known in (HOWTO, MISTRAL_V02, CHAT_TEMPLATE)}


def load_format(folder: Path) -> PromptFormat | None:
    """The format stored in a model or adapter folder, if any.

    Raises:
        ModelError: the file has other keys than a format, or none that this version knows.
    """
    stored: JSON | None = read_json(folder / FORMAT_FILE)
    if not stored:
        return None
    known = {field.name for field in fields(PromptFormat)}
    if stored.get("name") not in FORMATS or not set(stored) <= known:
        raise ModelError(
            f"{folder / FORMAT_FILE} has the keys {', '.join(stored)} and the name {stored.get('name')!r}; expected a"
            f" name out of {', '.join(FORMATS)} and keys out of {', '.join(sorted(known))}. Was it written by a newer"
            " version?"
        )
    return PromptFormat(**stored)


def save_format(prompt_format: PromptFormat, folder: Path) -> None:
    write_json(folder / FORMAT_FILE, asdict(prompt_format))
