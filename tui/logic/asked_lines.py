"""A conversation with a model as lines: the newest question first, its answers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from toolkit.runs.answer_text import answer_lines
from toolkit.runs.ask_messages import Reply, Written
from toolkit.runs.exchanges import Exchange
from toolkit.terminal.layout import wrap
from toolkit.terminal.text import clean, clean_text
from tui.logic.lines import Line, line

MOST_SHOWN = 50


@dataclass
class Shown:
    """An exchange on the screen: what is written of each answer, and what became of it."""

    exchange: Exchange
    parts: dict[tuple[str, int], Reply | Written] = field(default_factory=dict)
    note: str = ""

    def take(self, part: Reply | Written) -> None:
        self.parts[part.system, part.sample] = part
        if isinstance(part, Reply):
            self.exchange.replies.append(part)


def conversation_lines(shown: Sequence[Shown], width: int) -> list[Line]:
    """The newest first."""
    lines: list[Line] = []
    for one in reversed(shown[-MOST_SHOWN:]):
        lines += [
            line(("› ", "accent"), (part, "bold")) for part in wrap(clean_text(one.exchange.question.text), width)
        ]
        several = one.exchange.question.sampling.n > 1
        answers = answer_lines(list(one.parts.values()), width, several)
        lines += [line((text, "title" if number == 0 else "")) for number, text in enumerate(answers)]
        lines += [line((clean(one.note), "good"))] if one.note else []
        lines.append(())
    return lines
