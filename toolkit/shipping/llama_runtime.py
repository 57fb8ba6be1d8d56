"""llama.cpp's own server on a shipped GGUF file: it renders the template, encodes the prompt and answers, as it will
for those who run the file. The server is a process of its own on a free port of this machine (toolkit.shipping.child).
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from toolkit.errors import ModelError, PreflightError, SteptuneError
from toolkit.machine.packages import is_installed, version_of
from toolkit.options.generation import AnswerOptions
from toolkit.records import JSON
from toolkit.shipping.gguf_file import child_command

ANSWER_S = 1800.0
WHOLE = 1 << 20  # more tokens than a context has
Given = TypeVar("Given")
Got = TypeVar("Got")
FORCED = 1e4  # added to a token's logit: nothing else is drawn


@dataclass(frozen=True)
class Answer:
    """An answer of the server; `finish_reason` is `stop` or `length`, or why the question was not put."""

    text: str
    finish_reason: str
    prompt_tokens: int
    output_tokens: int


def require_runtime() -> None:
    """Raises PreflightError where llama.cpp's server is not installed."""
    if not is_installed("xllamacpp"):
        raise PreflightError(
            "The proof of a GGUF file runs llama.cpp's own server, which is not installed; run `make setup`, or `pip"
            " install 'steptune[export]'`. --no-proof exports without it, and `steptune prove` can follow elsewhere."
        )


def runtime_name() -> str:
    return f"llama.cpp (xllamacpp {version_of('xllamacpp')})"


class LlamaServer:
    """A server that is up."""

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        self._local = threading.local()

    def rendered(self, question: str) -> str:
        """What the shipped template writes for a question."""
        return str(self._call("POST", "/apply-template", {"messages": _asked(question)})["prompt"])

    def encoded(self, text: str) -> list[int]:
        """A rendered prompt as the server encodes it for an answer: control tokens parsed, BOS by the file's word."""
        asked = {"content": text, "add_special": True, "parse_special": True}
        return list(self._call("POST", "/tokenize", asked)["tokens"])

    def counted(self, question: str) -> int:
        """How many prompt tokens the chat endpoint itself counts for a question."""
        answer = self._call("POST", "/v1/chat/completions/input_tokens", {"messages": _asked(question)})
        return int(answer["input_tokens"])

    def ends_at(self, token: int, prompt_ids: list[int]) -> bool:
        """Whether the answer is over, without a text, once this token is drawn."""
        asked = {"prompt": prompt_ids, "n_predict": 2, "temperature": 0.0, "logit_bias": [[token, FORCED]]}
        answer = self._call("POST", "/completion", asked)
        return answer["stop_type"] == "eos" and not answer["content"]

    def answer(self, question: str, answering: AnswerOptions, seed: int) -> Answer:
        """Ask as a person's program would: through the chat endpoint. Samplers that nobody asked for are off."""
        found = self._call(
            "POST",
            "/v1/chat/completions",
            {
                "messages": _asked(question),
                "max_tokens": answering.max_new_tokens,
                "temperature": answering.temperature,
                "top_p": answering.top_p,
                "presence_penalty": answering.presence_penalty,
                "repeat_last_n": WHOLE,
                "repeat_penalty": 1.0,
                "top_k": 0,
                "min_p": 0.0,
                "seed": seed,
                "cache_prompt": False,
                "reasoning_format": "none",
            },
        )
        choice, usage = found["choices"][0], found["usage"]
        text = str(choice["message"]["content"] or "").strip()
        return Answer(text, choice["finish_reason"], usage["prompt_tokens"], usage["completion_tokens"])

    def _call(self, method: str, path: str, body: JSON) -> JSON:
        status, content = self._exchange(method, path, json.dumps(body))
        found: Any = json.loads(content)
        if status != 200 or not isinstance(found, dict):
            said = str((found.get("error") or {}).get("message") if isinstance(found, dict) else found)[:300]
            raise ModelError(f"llama.cpp's server refuses what the shipped file makes of a question: {said}")
        return found

    def _exchange(self, method: str, path: str, body: str) -> tuple[int, bytes]:
        """Status and content. The server closes a connection that was idle for some seconds: then on a new one."""
        while True:
            kept = getattr(self._local, "connection", None)
            connection = kept or http.client.HTTPConnection(self._host, timeout=ANSWER_S)
            self._local.connection = None
            try:
                connection.request(method, path, body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if kept is not None:
                    continue
                raise SteptuneError(
                    f"llama.cpp's server went away ({str(error) or type(error).__name__}); the log in the export's"
                    " folder says why. `steptune prove` tries again."
                ) from error
            self._local.connection = connection
            return response.status, content


@contextmanager
def serving(model: Path, context: int, parallel: int, log: Path) -> Iterator[LlamaServer]:
    """The server on a GGUF file, with `context` tokens for each of `parallel` requests at once.

    Raises:
        PreflightError: it is not installed.
        ModelError: it cannot load the file.
    """
    require_runtime()
    threads = len(os.sched_getaffinity(0))
    command = child_command("serve", str(model), str(context * parallel), str(parallel), str(threads))
    with log.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8"
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait()
            said = [text for text in log.read_text(encoding="utf-8", errors="replace").splitlines() if text.strip()]
            raise ModelError(f"llama.cpp cannot load {model.name}: {said[-1][:300] if said else 'it gave no reason'}")
        yield LlamaServer(json.loads(line)["address"])
    finally:
        process.kill()
        process.wait()


def in_parallel(work: Callable[[Given], Got], given: Sequence[Given], at_once: int) -> Iterator[Got]:
    """The results in order, `at_once` at a time."""
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(work, given)


def _asked(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]
