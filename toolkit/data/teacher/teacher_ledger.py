"""The answer ledger: every call to a teacher by its key, appended as it is sent and as it ends, so that nothing is paid
twice.

A key is the hash of model, messages, parameters and attempt. `sent` lines are on the file before the call leaves; a key
whose end is missing was in flight when the process died, may have been paid, and is never sent again. Messages are not
kept, and neither is any API key.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from toolkit.appending import AppendedFile
from toolkit.data.rows import reason_kind
from toolkit.errors import DiskFullError
from toolkit.records import JSON, dump_line, read_growing_jsonl, sha256_json

SYNC_EVERY_S = 1.0
State = Literal["sent", "answered", "failed"]


@dataclass(frozen=True)
class Call:
    """The latest state of a call. `ask`: id of what was asked; `why`: what makes an answer unusable, or a call fail;
    `in_doubt`: it failed and may have been paid.
    """

    state: State = "sent"
    ask: str = ""
    run: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    content: str = ""
    why: str = ""
    in_doubt: bool = False

    def after(self, line: JSON) -> Call:
        """The call as a further line of the ledger tells it; a value of another type says nothing."""
        known = {name: line[name] for name, now in vars(self).items() if isinstance(line.get(name), type(now))}
        return replace(self, **known)


def call_key(model: str, messages: list[JSON], parameters: JSON, attempt: int) -> str:
    return sha256_json([model, messages, parameters, attempt])


def read_calls(path: Path) -> dict[str, Call]:
    """The calls of a ledger by their key, each with its latest state; {} if there is none yet."""
    calls: dict[str, Call] = {}
    for line in read_growing_jsonl(path):
        if isinstance(line.get("key"), str):
            calls[line["key"]] = calls.get(line["key"], Call()).after(line)
    return calls


class AnswerLedger(AppendedFile):
    """The ledger of one file, open for appending. A line is written before the call returns, and synced to disk every
    second.

    `run` names who pays: budgets count the calls of one run only.

    Raises (when opened):
        UsageError: another process writes this ledger.
    """

    def __init__(self, path: Path, run: str) -> None:
        super().__init__(
            path, f"The teacher's answers {path} are in use by another run; let it end, or give another file."
        )
        self.run = run
        self._end_torn_line()
        self.calls = read_calls(path)
        self._synced_s = time.monotonic()

    def close(self) -> None:
        if not self._file.closed:
            os.fsync(self._file.fileno())
            super().close()

    def sent(self, key: str, ask_id: str, attempt: int, estimate: tuple[int, int]) -> None:
        """`estimate`: tokens of the prompt, and the most that the answer may have."""
        call = {"ask": ask_id, "attempt": attempt, "run": self.run}
        self._write(key, "sent", {**call, "tokens_in": estimate[0], "tokens_out": estimate[1]})

    def answered(self, key: str, content: str, why: str, paid: tuple[int, int], seconds: float) -> None:
        """An answer of whatever worth; `paid`: tokens in and out."""
        answer = {"content": content, "why": why, "tokens_in": paid[0], "tokens_out": paid[1]}
        self._write(key, "answered", {**answer, "seconds": seconds})

    def failed(self, key: str, why: str, in_doubt: bool, seconds: float) -> None:
        """A call that brought nothing: `why`, and whether it may have been paid."""
        self._write(key, "failed", {"why": why, "in_doubt": in_doubt, "seconds": seconds})

    def paid(self) -> list[Call]:
        """The calls of this run that cost or may have cost something: answered, or of unknown end."""
        return [
            call for call in self.calls.values() if call.run == self.run and (call.state != "failed" or call.in_doubt)
        ]

    def failures(self) -> dict[str, int]:
        """How often each way of failing occurred in this run's calls."""
        found: dict[str, int] = {}
        for call in self.calls.values():
            why = "in flight when the run was killed" if call.state == "sent" else call.why
            if why and call.run == self.run:
                kind = reason_kind(why)
                found[kind] = found.get(kind, 0) + 1
        return found

    def _write(self, key: str, state: State, fields: JSON) -> None:
        line = {"key": key, "state": state, **fields}
        try:
            self._file.write(dump_line(line).encode())
            self._file.flush()
            if time.monotonic() - self._synced_s > SYNC_EVERY_S:
                os.fsync(self._file.fileno())
                self._synced_s = time.monotonic()
        except OSError as error:
            raise DiskFullError(
                f"The teacher's answers cannot be written to {self.path} ({error.strerror}); free some space and resume"
                " the run."
            ) from error
        self.calls[key] = self.calls.get(key, Call()).after(line)

    def _end_torn_line(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if size:
            with self.path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    self._file.write(b"\n")
                    self._file.flush()
