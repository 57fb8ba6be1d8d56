"""Answers to a question as lines: side by side where the terminal is wide enough, else one below the other."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.runs.ask_messages import Reply, Written
from toolkit.terminal.layout import side_by_side, wrap
from toolkit.terminal.text import clean_text

NARROWEST = 34
_ENDS = {
    "length": "cut at the longest answer",
    "stopped": "stopped",
    "prompt_too_long": "not asked: the question fills the context",
    "empty_prompt": "not asked: the question is empty",
}


def column_name(part: Reply | Written, several: bool) -> str:
    """`tuned`, or `tuned 2` where each system gives several answers."""
    return f"{part.system} {part.sample + 1}" if several else part.system


def answer_lines(parts: Sequence[Reply | Written], width: int, several: bool) -> list[str]:
    """The answers as far as they are written, with what each took where it has ended."""
    columns = {column_name(part, several): _body(part) for part in parts}
    if not columns:
        return []
    if (width - 3 * (len(columns) - 1)) // len(columns) >= NARROWEST:
        return side_by_side(columns, width)
    return [line for name, text in columns.items() for line in (f"{name}:", *wrap(text, width), "")]


def _body(part: Reply | Written) -> str:
    if isinstance(part, Written):
        return clean_text(part.text)
    return f"{clean_text(part.output)}\n\n{cost(part)}".strip()


def cost(reply: Reply) -> str:
    """`[42 tokens in 1.8 s, the first after 0.2 s]`, and how the answer ended where the model did not end it."""
    end = _ENDS.get(reply.finish_reason)
    if reply.first_token_s is None:
        return f"[{end or reply.finish_reason}]"
    took = f"{reply.output_tokens} tokens in {reply.seconds:.1f} s, the first after {reply.first_token_s:.1f} s"
    return f"[{took}{f'; {end}' if end else ''}]"
