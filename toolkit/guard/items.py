"""items.jsonl: the bundled items, each with its prompt, its checks, and an answer that passes and one that fails."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from toolkit.guard.checks import Check
from toolkit.records import iter_jsonl, sha256_file

GUARD_FOLDER = "guard"  # beside a system's predictions
_ITEMS = Path(__file__).parent / "items.jsonl"


class GuardItem(BaseModel):
    """One item; an answer passes if all checks do. `good` and `bad` are examples for tests of the checks."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str
    language: Literal["en", "id"]
    kind: Literal["instruction", "refusal", "fact"]
    prompt: str
    checks: list[Check] = Field(min_length=1)
    good: str
    bad: str

    def passes(self, answer: str) -> bool:
        """Whether the answer, which must not be empty, passes all checks."""
        return bool(answer.strip()) and all(check.passes(answer, self.prompt) for check in self.checks)


@lru_cache(maxsize=1)
def read_guard_items() -> tuple[GuardItem, ...]:
    """All items, in the order of the file."""
    return tuple(GuardItem.model_validate(row) for row in iter_jsonl(_ITEMS))


def guard_fingerprint() -> str:
    """SHA-256 of the file of items."""
    return sha256_file(_ITEMS)
