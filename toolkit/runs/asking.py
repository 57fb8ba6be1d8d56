"""A conversation with a run's model: a process of its own holds the model, so that whoever asks imports no library.

It ends with this process, however that ends: it reads questions from a pipe, and the pipe closes.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

from toolkit.appending import Closing
from toolkit.errors import SteptuneError
from toolkit.options.asking import AskOptions
from toolkit.runs.ask_messages import (
    STOP,
    Done,
    Failed,
    Loading,
    Message,
    Question,
    Ready,
    Reply,
    Written,
    from_line,
)

COMMAND = (sys.executable, "-P", "-m", "toolkit.generation.ask_worker")
END_GRACE_S = 3.0


class AskError(SteptuneError):
    """What the process that holds the model could not do, with its exit code; after a fatal one it is gone."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.exit_code, self.fatal = failed.exit_code, failed.fatal


class AskSession(Closing):
    """A model that is loading or loaded: `load` tells the loading, then `ask` and `answers` go in turn."""

    def __init__(self, options: AskOptions) -> None:
        self.options = options
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (what libraries write; shown where the process dies)
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C cuts an answer short, and the model stays
            text=True,
            encoding="utf-8",
        )
        # Read in a thread: a Ctrl-C in the middle of a line would lose its beginning.
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self._send(options.model_dump_json() + "\n")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def load(self) -> Iterator[Loading | Ready]:
        """What is loaded, as it goes; the last one is Ready.

        Raises:
            AskError: model, adapter or server cannot be used.
        """
        while True:
            message = self._next()
            if isinstance(message, Loading | Ready):
                yield message
            if isinstance(message, Ready):
                return

    def ask(self, question: Question) -> None:
        """Put a question; `answers` gives what comes of it."""
        self._send(question.line())

    def answers(self) -> Iterator[Written | Reply]:
        """The answers as they are written and as they end, until all have ended; may be taken up again where it broke
        off.

        Raises:
            AskError: the question cannot be answered.
        """
        while not isinstance(message := self._next(), Done):
            if isinstance(message, Written | Reply):
                yield message

    def stop_answer(self) -> None:
        """Cut the answers that are being written short; they end with what is written."""
        self._send(STOP)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        try:
            self._process.wait(END_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended: its last message says how
            assert self._process.stdin is not None
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _next(self) -> Message:
        message = self._messages.get()
        if isinstance(message, Failed):
            if message.fatal:
                self._messages.put(message)  # whatever is asked after it
            raise AskError(message)
        return message

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):  # half a line of a process that was killed
                self._messages.put(from_line(line))
        code = self._process.wait()
        text = f"The process that holds the model has ended (exit code {code}).\n{self._last_words()}".strip()
        self._messages.put(Failed(text, 1, True))

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().split("\n")
        return "\n".join(lines[-5:])


def new_id() -> str:
    """A question's id: by time, and unlike any other."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
