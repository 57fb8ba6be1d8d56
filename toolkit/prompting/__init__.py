"""How a question becomes token ids, for training, for generation and for previews alike.

`formats` says what is written around question and answer and stores it with models and adapters, `templates` takes it
from a model's chat template, `encoding` makes ids of it in which a user's text never becomes a control token, and
`rendering` puts the three together; `shots` writes examples before a question, `served_template` is the chat template
that an exported model carries. Import from here.
"""

from toolkit.prompting.choice import choose_format, ready_for
from toolkit.prompting.encoding import control_tokens
from toolkit.prompting.formats import (
    CHAT_TEMPLATE,
    FORMAT_FILE,
    FORMATS,
    HOWTO,
    MISTRAL_V02,
    PromptFormat,
    load_format,
    save_format,
)
from toolkit.prompting.rendering import RenderedExample, decode_answer, end_token, render_example, render_prompt
from toolkit.prompting.served_template import served_template, text_around
from toolkit.prompting.shots import render_with_shots

__all__ = [
    "CHAT_TEMPLATE",
    "FORMATS",
    "FORMAT_FILE",
    "HOWTO",
    "MISTRAL_V02",
    "PromptFormat",
    "RenderedExample",
    "choose_format",
    "control_tokens",
    "decode_answer",
    "end_token",
    "load_format",
    "ready_for",
    "render_example",
    "render_prompt",
    "render_with_shots",
    "save_format",
    "served_template",
    "text_around",
]
