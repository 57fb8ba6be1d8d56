"""What calls to a teacher cost: token estimates before a call, money after it, and a budget that says when to stop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from toolkit.options.teacher import BudgetOptions
from toolkit.records import JSON

# Characters per token of GPT-4o's and Llama's vocabularies: about 4.5 in English, 3.5 in Indonesian; the lower one, so
# as not to promise too little.
CHARS_PER_TOKEN = 3.5
TOKENS_PER_MESSAGE = 4


def estimate_tokens(messages: Iterable[JSON]) -> int:
    return sum(TOKENS_PER_MESSAGE + int(len(message["content"]) / CHARS_PER_TOKEN) for message in messages)


@dataclass
class Budget:
    """What was spent and what is promised to calls in flight."""

    options: BudgetOptions
    tokens_in: int = 0
    tokens_out: int = 0
    _promised: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        return self.options.cost(self.tokens_in, self.tokens_out)

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out

    def promise(self, key: str, tokens_in: int, tokens_out: int) -> bool:
        """Set the most that a call can cost aside; False if that could break the budget."""
        promised = [*self._promised.values(), (tokens_in, tokens_out)]
        all_in, all_out = (
            self.tokens_in + sum(pair[0] for pair in promised),
            self.tokens_out + sum(pair[1] for pair in promised),
        )
        if self.options.is_beyond(all_in, all_out):
            return False
        self._promised[key] = (tokens_in, tokens_out)
        return True

    def settle(self, key: str, tokens_in: int, tokens_out: int) -> None:
        """The call has ended and cost this much."""
        self._promised.pop(key, None)
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
