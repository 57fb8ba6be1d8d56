"""The served port: loopback and no other address unless asked for, a word where it is open, and requests that are no
requests are refused without harm to those of others.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import ThreadingHTTPServer
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.generation.openai_api import BadRequest, parse
from toolkit.generation.serve_transformers import Handler, Service
from toolkit.options.serving import LOOPBACK, ServeOptions
from toolkit.planning import preflight
from toolkit.settings import ServeSettings

KEY = "schlüssel"
CODEC: Any = SimpleNamespace(
    stop_ids=(2,),
    encode=lambda text: [5] * len(text),
    tokenizer=type("Words", (), {"__len__": lambda _: 128, "encode": lambda _, text, **__: [5] * len(text)})(),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("prompt", "messages", "model", "temperature", "top_p", "max_tokens", "seed", "stream", "stop_token_ids", "n")
BODIES = VALUES | st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5)
OPTIONS = ServeOptions(model="m")


@pytest.fixture
def address(capfd: pytest.CaptureFixture[str]) -> Iterator[tuple[str, int]]:
    """Of the small server, over an engine that is never reached; nothing that it gets may make a traceback."""
    engine: Any = SimpleNamespace(arrived=SimpleNamespace(put=lambda _: None))
    service = Service(OPTIONS, CODEC, 96, None, engine, KEY, count())
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"service": service}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "127.0.0.1", server.server_address[1]
    server.shutdown()
    server.server_close()
    assert "Traceback" not in capfd.readouterr().err


def send(address: tuple[str, int], raw: bytes) -> bytes:
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").readline()


def test_it_listens_on_loopback_and_says_what_another_address_means() -> None:
    assert OPTIONS.host in LOOPBACK
    opened = ServeSettings(model="m").model_copy(update={"host": "0.0.0.0", "port": 0})
    (said,) = preflight._check_port(opened)
    assert said.level == "warning"
    assert "lets other machines ask, and no key is required" in said.message


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        (b"Authorization: Bearer schl\xfcssel\xff\r\n", b"{}", b"401"),
        (b"", b"{}", b"401"),
        ("Authorization: Bearer schlüssel\r\nContent-Length: many\r\n".encode(), b"{}", b"400"),
        ("Authorization: Bearer schlüssel\r\nContent-Length: -5\r\n".encode(), b"{}", b"400"),
        ("Authorization: Bearer schlüssel\r\nContent-Length: 99999999999\r\n".encode(), b"{}", b"413"),
        ("Authorization: Bearer schlüssel\r\nContent-Length: 20000\r\n".encode(), b"[" * 20_000, b"400"),
        ("Authorization: Bearer schlüssel\r\nContent-Length: 4\r\n".encode(), b"\xff\xfe{}", b"400"),
    ],
)
def test_a_request_that_is_none_is_refused_and_the_next_one_is_answered(
    address: tuple[str, int], head: bytes, body: bytes, status: bytes
) -> None:
    post = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\n"
    assert send(address, post + head + b"\r\n" + body).split()[1:2] == [status]
    assert b" 200 " in send(address, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")


def test_whoever_sends_nothing_does_not_keep_others_waiting(address: tuple[str, int]) -> None:
    assert Handler.timeout  # after which the connection is closed
    with socket.create_connection(address) as silent:
        silent.sendall(b"POST /v1/completions HTTP/1.1\r\n")
        assert b" 200 " in send(address, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(("/v1/completions", "/v1/chat/completions", "/x")), BODIES)
def test_any_json_is_a_request_or_a_bad_request(path: str, body: Any) -> None:
    with suppress(BadRequest):
        asked = parse(path, json.loads(json.dumps(body)), OPTIONS, CODEC, 96, None, 0)
        assert all(isinstance(token, int) for token in (*asked.request.prompt_ids, *asked.request.stop_ids))
