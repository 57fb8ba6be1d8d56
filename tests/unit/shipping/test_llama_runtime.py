"""The client of llama.cpp's server: a connection that the server closed is no end of the server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from toolkit.errors import ModelError, SteptuneError
from toolkit.shipping.llama_runtime import LlamaServer


class Handler(BaseHTTPRequestHandler):
    """Answers, and closes the connection without saying so, as a server does with idle ones."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = asked.get("content") == "bad"
        content = json.dumps({"error": {"message": "no"}} if refused else {"tokens": [1, 2]}).encode()
        self.send_response(400 if refused else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def serving() -> Iterator[LlamaServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield LlamaServer(f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()


def test_a_connection_that_the_server_closed_is_opened_anew() -> None:
    with serving() as server:
        assert [server.encoded("a") for _ in range(3)] == [[1, 2]] * 3


def test_a_refusal_is_told_and_a_server_that_is_gone_as_well() -> None:
    with serving() as server:
        server.encoded("a")
        with pytest.raises(ModelError, match="refuses what the shipped file makes of a question: no"):
            server.encoded("bad")
    with pytest.raises(SteptuneError, match="went away"):
        server.encoded("a")
