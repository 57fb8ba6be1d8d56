"""The process that holds a model for a conversation: one base with its adapter, or the connection to a server.

    python -P -m toolkit.generation.ask_worker          (started by toolkit.runs.asking)

Reads AskOptions and then questions from stdin, writes messages (toolkit.runs.ask_messages) to stdout. It ends when
stdin closes, in the middle of whatever it does.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from toolkit.errors import EXIT_FAILED, OutOfMemoryError, SteptuneError
from toolkit.generation.answerer import Stopped, open_answerer
from toolkit.generation.child import keep_stdout_for_replies
from toolkit.generation.environment import set_engine_environment
from toolkit.options.asking import AskOptions
from toolkit.runs.ask_messages import Done, Failed, Loading, Message, Question, Ready, to_line
from toolkit.runs.recorder import Recorder


class Inbox:
    """Lines from stdin, read in a thread: a question may be cut short while it is answered."""

    def __init__(self, lines: IO[str]) -> None:
        self.lines = lines
        self.waiting: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self.stopped = False
        self.options = AskOptions.model_validate(json.loads(lines.readline()))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.lines:
            row = json.loads(line)
            if row["kind"] == "stop":
                self.stopped = True
            else:
                self.waiting.put(Question.from_json(row))
        os._exit(0)  # nobody is there to read an answer

    def next(self) -> Question:
        question = self.waiting.get()
        self.stopped = False
        return question

    def check_stop(self) -> None:
        if self.stopped:
            raise Stopped


class _Told(Recorder):
    """Progress of what is loaded, as messages."""

    def __init__(self, tell: Callable[[Message], None]) -> None:
        super().__init__(None)
        self.tell = tell

    def metric(self, **values: Any) -> None:
        self.tell(Loading(str(values["phase"]), float(values["done"]), float(values["total"])))


def main() -> int:
    """Load, then answer until stdin closes; returns the exit code of a load that failed."""
    replies, writing = keep_stdout_for_replies(), threading.Lock()

    def tell(message: Message) -> None:
        with writing:  # a server's answers come in threads
            replies.write(to_line(message))
            replies.flush()

    inbox = Inbox(sys.stdin)
    set_engine_environment()
    try:
        answerer = open_answerer(inbox.options, _Told(tell), lambda what: tell(Loading(what)))
    except SteptuneError as error:
        tell(Failed(str(error), error.exit_code, True))
        return error.exit_code
    tell(Ready(answerer.said, answerer.seconds, answerer.context))
    while True:
        question = inbox.next()
        try:
            answerer.answer(question, tell, inbox.check_stop)
            tell(Done())
        except SteptuneError as error:
            tell(Failed(str(error), error.exit_code, False))
        except Exception as error:
            tell(_failure(error))


def _failure(error: Exception) -> Failed:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        text = "Memory ran out while answering; ask for fewer or shorter answers (--n, --max-new-tokens)."
        return Failed(text, OutOfMemoryError.exit_code, False)
    return Failed(f"{type(error).__name__}: {str(error)[:500]}", EXIT_FAILED, False)


if __name__ == "__main__":
    sys.exit(main())
