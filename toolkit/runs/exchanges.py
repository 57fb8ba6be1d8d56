"""Questions that were put to a run's model, with its answers, and those that a person wrote down as failures: two
files in the run's folder, a line each, whole lines only.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from toolkit.errors import DiskFullError, SteptuneError
from toolkit.options.asking import AskOptions
from toolkit.options.generation import SamplingOptions
from toolkit.records import JSON, append_jsonl, is_disk_full
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.ask_messages import Question, Reply


@dataclass
class Exchange:
    """A question and the answers so far; `asked_unix` in seconds since 1970."""

    question: Question
    replies: list[Reply] = field(default_factory=list)
    asked_unix: float = field(default_factory=lambda: round(time.time(), 3))

    def to_json(self, options: AskOptions) -> JSON:
        answered = {"model": options.model, "adapter": str(options.adapter) if options.adapter else None}
        by = options.at.model_dump() if options.at.server else answered
        return {
            "id": self.question.id,
            "time": self.asked_unix,
            "prompt": self.question.text,
            "answers": [asdict(reply) for reply in self.replies],
            "sampling": SamplingOptions.of(self.question.sampling).model_dump(mode="json"),
            **by,
        }


def keep_exchange(run: RunFolder, exchange: Exchange, options: AskOptions) -> None:
    """Append it to the run's folder; it is on the disk when this returns.

    Raises:
        DiskFullError: no space; the answers are shown and not kept.
        SteptuneError: the folder is gone, or may not be written to.
    """
    _append(run.exchanges_file, exchange.to_json(options), "The exchange")


def note_failure(run: RunFolder, exchange: Exchange, reply: Reply, note: str = "") -> None:
    """Write an answer down as wrong, in a form that generate takes as `data`: the questions to ask again one day.

    Raises:
        DiskFullError: no space.
    """
    row = {"id": answer_id(exchange, reply), "prompt": exchange.question.text}
    said = {"output": reply.output, "system": reply.system, "finish_reason": reply.finish_reason, "note": note.strip()}
    _append(run.failures_file, {**row, **said, "time": round(time.time(), 3)}, "The failure")


def answer_id(exchange: Exchange, reply: Reply) -> str:
    """What an answer is called outside its exchange."""
    return f"asked-{exchange.question.id}-{reply.system}-{reply.sample}"


def _append(path: Path, row: JSON, what: str) -> None:
    try:
        append_jsonl(path, row, durable=True)
    except OSError as error:
        if not is_disk_full(error):
            raise SteptuneError(f"{what} could not be kept in {path} ({error.strerror or error}).") from error
        raise DiskFullError(f"{what} could not be kept: no space left for {path}; free some and ask again.") from error
