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

    def promise(
        self, key: str, tokens_in: int, tokens_out: int, follower: str = "", reserve: tuple[int, int] = (0, 0)
    ) -> bool:
        """Set the most that a call can cost aside, and for `follower`, the call that must come after it, its reserve
        (tokens in, tokens out); False if that could break the budget.
        """
        others = [tokens for name, tokens in self._promised.items() if name != follower]
        promised = [*others, (tokens_in, tokens_out), reserve]
        all_in, all_out = (
            self.tokens_in + sum(pair[0] for pair in promised),
            self.tokens_out + sum(pair[1] for pair in promised),
        )
        if self.options.is_beyond(all_in, all_out):
            return False
        self._promised[key] = (tokens_in, tokens_out)
        self.set_aside(follower, reserve)
        return True

    def set_aside(self, follower: str, reserve: tuple[int, int]) -> None:
        """Keep tokens for a call that must come; (0, 0) keeps none any longer."""
        self._promised.pop(follower, None)
        if any(reserve):
            self._promised[follower] = reserve

    def settle(self, key: str, tokens_in: int, tokens_out: int) -> None:
        """The call has ended and cost this much."""
        self._promised.pop(key, None)
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
