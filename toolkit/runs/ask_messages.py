"""What the process that holds a model and the one that asks it say to each other: one JSON line a message.

The asking side sends AskOptions first, then a Question at a time, or `{"kind": "stop"}` in the middle of an answer.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from toolkit.options.generation import SamplingOptions
from toolkit.records import JSON

STOP = json.dumps({"kind": "stop"}) + "\n"


@dataclass(frozen=True)
class Question:
    """A question for some of the systems. Draws follow from `id`; `sampling` holds for this question alone."""

    id: str
    text: str
    systems: tuple[str, ...]
    sampling: SamplingOptions

    def line(self) -> str:
        row = {"kind": "question", "id": self.id, "text": self.text, "systems": list(self.systems)}
        return json.dumps({**row, "sampling": SamplingOptions.of(self.sampling).model_dump(mode="json")}) + "\n"

    @classmethod
    def from_json(cls, row: JSON) -> Question:
        return cls(row["id"], row["text"], tuple(row["systems"]), SamplingOptions.model_validate(row["sampling"]))


@dataclass(frozen=True)
class Loading:
    """What is being loaded; `done` of `total` where the size is known."""

    what: str
    done: float = 0.0
    total: float = 0.0


@dataclass(frozen=True)
class Ready:
    """Questions can come. `said`: the model, its precision and device; `context` in tokens, where there is a limit."""

    said: str
    seconds: float
    context: int | None = None


@dataclass(frozen=True)
class Written:
    """An answer as far as it is written."""

    system: str
    sample: int
    text: str


@dataclass(frozen=True)
class Reply:
    """An answer that has ended; seconds count from when its system began, `first_token_s` is None without a token.

    `finish_reason`: `stop`, `length`, `prompt_too_long`, `empty_prompt`, or `stopped` by the person who asked.
    """

    system: str
    sample: int
    output: str
    finish_reason: str
    prompt_tokens: int
    output_tokens: int
    first_token_s: float | None
    seconds: float


@dataclass(frozen=True)
class Done:
    """All answers to a question have ended."""


@dataclass(frozen=True)
class Failed:
    """What went wrong, in a sentence. `fatal`: nothing more can be asked."""

    message: str
    exit_code: int
    fatal: bool


Message = Loading | Ready | Written | Reply | Done | Failed
_KINDS: dict[str, type[Message]] = {
    kind.__name__.lower(): kind for kind in (Loading, Ready, Written, Reply, Done, Failed)
}


def to_line(message: Message) -> str:
    return json.dumps({"kind": type(message).__name__.lower(), **asdict(message)}) + "\n"


def from_line(line: str) -> Message:
    row = json.loads(line)
    return _KINDS[row.pop("kind")](**row)
