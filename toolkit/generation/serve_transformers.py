"""A small server of OpenAI's API over the transformers backend, for environments without vLLM: the engine, renderer
and stop tokens of generate behind /v1/chat/completions and /v1/completions.

    python -P -m toolkit.generation.serve_transformers JOB          (JSON; started by toolkit.generation.serving)

Requests that wait together and are drawn alike are answered in one batch. What it does not do (tools, log
probabilities, stop strings, several answers) it refuses.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import queue
import socket
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

from toolkit.generation.child import die_with_parent
from toolkit.generation.environment import set_engine_environment
from toolkit.generation.openai_api import Asked, BadRequest, chunk, document, parse
from toolkit.generation.prompts import Codec, Request
from toolkit.options.generation import EngineOptions
from toolkit.options.serving import KEY_VARIABLE, ServeOptions
from toolkit.records import JSON
from toolkit.terminal.output import say_error

MOST_BYTES = 16 << 20


@dataclass
class Waiting:
    """A request with what has come of it: token ids so far, at the end a finish_reason, or an error."""

    asked: Asked
    pieces: queue.SimpleQueue[tuple[list[int], str | None]] = field(default_factory=queue.SimpleQueue)


class Engine(threading.Thread):
    """The model, and the requests that wait for it."""

    def __init__(self, model: Any, batch_size: int) -> None:
        super().__init__(daemon=True)
        self.model, self.batch_size = model, batch_size
        self.arrived: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self.waiting: list[Waiting] = []

    def run(self) -> None:
        while True:
            batch = self._next_batch()
            try:
                self._answer(batch)
            except Exception as error:  # one bad batch must not end the server
                say_error(f"{type(error).__name__}: {error}")
                for waiting in batch:
                    waiting.pieces.put(([], "error"))

    def _next_batch(self) -> list[Waiting]:
        """The oldest request, with those that are drawn alike."""
        if not self.waiting:
            self.waiting.append(self.arrived.get())
        while not self.arrived.empty():
            self.waiting.append(self.arrived.get())
        first = self.waiting[0].asked
        alike = [
            waiting
            for waiting in self.waiting
            if waiting.asked.sampling == first.sampling and waiting.asked.request.stop_ids == first.request.stop_ids
        ][: self.batch_size]
        self.waiting = [waiting for waiting in self.waiting if waiting not in alike]
        return alike

    def _answer(self, batch: list[Waiting]) -> None:
        from toolkit.generation.transformers_engine import generate_transformers

        of = {waiting.asked.request.key: waiting for waiting in batch}

        def watch(request: Request, ids: list[int] | str) -> None:
            if isinstance(ids, list) and of[request.key].asked.stream:
                of[request.key].pieces.put((ids, None))

        requests = [waiting.asked.request for waiting in batch]
        sampling = batch[0].asked.sampling
        for done in generate_transformers(self.model, self.batch_size, requests, sampling, lambda _tokens: None, watch):
            of[done.request.key].pieces.put((done.token_ids, done.finish_reason))


@dataclass(frozen=True)
class Service:
    """What the HTTP side knows."""

    options: ServeOptions
    codec: Codec
    context: int | None
    adapter: str | None
    engine: Engine
    key: str | None
    numbers: count[int]

    @property
    def models(self) -> JSON:
        row = {"id": self.options.served_name, "object": "model", "owned_by": "steptune", "max_model_len": self.context}
        return {"object": "list", "data": [row]}


class Handler(BaseHTTPRequestHandler):
    """GET /health and /v1/models, POST the two completions."""

    service: Service
    protocol_version = "HTTP/1.1"
    timeout = 60.0  # seconds of silence after which a connection is closed

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client is gone
            super().handle()

    def do_GET(self) -> None:
        if self.path == "/health":
            self._send(200, {})
        elif self._is_allowed():
            self._send(*((200, self.service.models) if self.path == "/v1/models" else _error(404, "no such path")))

    def do_POST(self) -> None:
        if not self._is_allowed():
            return
        stated = self.headers.get("Content-Length") or "0"
        length = int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < 20 else -1
        if length < 0:
            self.close_connection = True
            self._send(*_error(400, "Content-Length is no number"))
            return
        if length > MOST_BYTES:
            self.close_connection = True
            self._send(*_error(413, f"a request has at most {MOST_BYTES >> 20} MiB"))
            return
        raw = self.rfile.read(length)
        try:
            body = json.loads(raw)
            service = self.service
            asked = parse(
                self.path, body, service.options, service.codec, service.context, service.adapter, next(service.numbers)
            )
        except BadRequest as error:
            self._send(*_error(error.status, str(error)))
        except (ValueError, RecursionError) as error:
            self._send(*_error(400, f"the body is no JSON ({str(error)[:200]})"))
        else:
            waiting = Waiting(asked)
            service.engine.arrived.put(waiting)
            self._stream(waiting) if asked.stream else self._whole(waiting)

    def _whole(self, waiting: Waiting) -> None:
        ids, reason = waiting.pieces.get()
        if reason == "error":
            self._send(*_error(500, "the answer failed; the server's log says why"))
        else:
            self._send(200, document(waiting.asked, ids, str(reason), self.service.codec))

    def _stream(self, waiting: Waiting) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        before: list[int] = []
        while True:
            ids, reason = waiting.pieces.get()
            if reason == "error":
                return  # the client sees a stream without its end
            if len(ids) > len(before) or reason:
                line = json.dumps(chunk(waiting.asked, before, ids, reason, self.service.codec))
                self.wfile.write(f"data: {line}\n\n".encode())
                before = ids
            if reason:
                self.wfile.write(b"data: [DONE]\n\n")
                return

    def _is_allowed(self) -> bool:
        key = self.service.key
        given = self.headers.get("Authorization", "").encode("latin-1", "replace")
        if key is None or hmac.compare_digest(given, f"Bearer {key}".encode()):
            return True
        self.close_connection = True
        self._send(*_error(401, "the key is missing or wrong"))
        return False

    def _send(self, status: int, body: JSON) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: Any) -> None:
        """No line a request."""


def _error(status: int, message: str) -> tuple[int, JSON]:
    return status, {"error": {"message": message, "type": "invalid_request_error", "code": status}}


def main() -> None:
    """Load, then listen until the process is ended."""
    die_with_parent()
    job = json.loads(sys.argv[1])
    set_engine_environment()
    options, engine = ServeOptions.model_validate(job["serve"]), EngineOptions.model_validate(job["engine"])
    service = _service(options, engine, job)
    service.engine.start()
    handler = type("Bound", (Handler,), {"service": service})
    server_type = type(
        "Server", (ThreadingHTTPServer,), {"address_family": _family(options.host), "daemon_threads": True}
    )
    server_type((options.host, options.port), handler).serve_forever()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _service(options: ServeOptions, engine: EngineOptions, job: JSON) -> Service:
    from transformers import AutoTokenizer

    from toolkit.generation.transformers_engine import load_model
    from toolkit.prompting import load_format
    from toolkit.records import read_json

    folder = Path(job["folder"])
    model = load_model(folder, engine.precision, options.trust_remote_code, job["in_nf4"], job["adapter"])
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=options.trust_remote_code, mistral_format=False)
    prompt_format = load_format(folder)
    assert prompt_format is not None
    stops = (read_json(folder / "generation_config.json") or {})["eos_token_id"]
    codec = Codec(tokenizer, prompt_format, list(stops))
    queue_of_requests = Engine(model, engine.max_num_seqs)
    key = os.environ.get(KEY_VARIABLE) or None
    return Service(options, codec, job["context"], job["adapter"], queue_of_requests, key, count())


if __name__ == "__main__":
    main()
