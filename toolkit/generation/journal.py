"""Answers on disk as they come: `partial.jsonl`, one line per finished request, from which a killed run continues."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolkit.generation.prompts import Request
from toolkit.predictions import PREDICTIONS_FILE
from toolkit.records import JSON, append_jsonl, read_growing_jsonl, write_jsonl

PARTIAL_FILE = "partial.jsonl"
_FIELDS = {"key", "output", "finish_reason", "output_tokens"}


@dataclass(frozen=True)
class Answer:
    """One finished request. `output_tokens` counts all generated tokens, the one that ended the answer included.

    `prompt_tokens` is a server's count, where the prompt was not sent as token ids.
    """

    key: str
    output: str
    finish_reason: str
    output_tokens: int
    prompt_tokens: int | None = None

    def to_json(self) -> JSON:
        row = {
            "key": self.key,
            "output": self.output,
            "finish_reason": self.finish_reason,
            "output_tokens": self.output_tokens,
        }
        return row if self.prompt_tokens is None else {**row, "prompt_tokens": self.prompt_tokens}


class Journal:
    """The answers of a run so far, by request key; `add` writes before it returns."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.path = run_dir / PARTIAL_FILE
        rows = (row for row in read_growing_jsonl(self.path) if row.keys() >= _FIELDS)
        self.answers = {
            row["key"]: Answer(
                row["key"], row["output"], row["finish_reason"], row["output_tokens"], row.get("prompt_tokens")
            )
            for row in rows
        }

    def missing(self, requests: Iterable[Request]) -> list[Request]:
        """Requests that still need an engine, longest prompt first; equal requests once."""
        wanted = {
            request.key: request for request in requests if not request.refused and request.key not in self.answers
        }
        return sorted(wanted.values(), key=lambda request: len(request.prompt_ids), reverse=True)

    def add(self, answer: Answer) -> None:
        if answer.key not in self.answers:
            append_jsonl(self.path, answer.to_json())
            self.answers[answer.key] = answer

    def write_predictions(self, requests: list[Request]) -> list[JSON]:
        """Write predictions.jsonl, one row per request in input order, and return its rows; `sample` tells several
        answers apart.
        """
        several = any(request.sample for request in requests)
        rows = [self._prediction(request, several) for request in requests]
        write_jsonl(self.run_dir / PREDICTIONS_FILE, rows)
        return rows

    def _prediction(self, request: Request, several: bool) -> JSON:
        answer = Answer("", "", request.refused, 0) if request.refused else self.answers[request.key]
        return {
            "id": request.id,
            **({"sample": request.sample} if several else {}),
            "prompt": request.prompt,
            "output": answer.output,
            "finish_reason": answer.finish_reason,
            "prompt_tokens": len(request.prompt_ids) if answer.prompt_tokens is None else answer.prompt_tokens,
            "output_tokens": answer.output_tokens,
        }
