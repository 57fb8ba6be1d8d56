"""Servers that are asked (a teacher, a judge, one that generates, the hub, a webhook): no redirect of theirs is
followed, no key goes on, and whatever they answer ends as a result or as one clear error.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.security.hostile_server import Hostile, hostile_server
from toolkit import web
from toolkit.data.teacher.teacher_answers import read_completion
from toolkit.data.teacher.teacher_wire import Wire
from toolkit.errors import ModelError, SteptuneError
from toolkit.evaluation import judge
from toolkit.evaluation.inputs import TestItem
from toolkit.generation import server_engine
from toolkit.generation.prompts import Request
from toolkit.generation.server_engine import Server, connect, generate_server
from toolkit.hub import wire
from toolkit.hub.models import _described
from toolkit.options.evaluation import JudgeOptions
from toolkit.options.generation import SamplingOptions
from toolkit.options.teacher import TeacherOptions
from toolkit.runs.notice import Notice
from toolkit.runs.notice_sender import send

KEY = "CANARY7f3a"
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(autouse=True)
def with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(server_engine, "RETRY_AFTER_S", ())
    monkeypatch.setattr(judge, "_RETRIES", 0)


@pytest.fixture
def server() -> Iterator[Hostile]:
    with hostile_server() as found:
        yield found


@pytest.fixture
def elsewhere() -> Iterator[Hostile]:
    with hostile_server() as found:
        yield found


def generate(url: str, takes_token_ids: bool = False, streamed: bool = False) -> list[Any]:
    requests = [Request("q0", "How?", [1, 2], 8, 1, "k")]
    served = Server(url, "m", takes_token_ids)
    watch = (lambda *_: None) if streamed else None
    return list(generate_server(served, requests, SamplingOptions(), 1, lambda _: None, watch))


def ask_judge(url: str) -> bool | None:
    item = TestItem(id="a", prompt="How?", reference="1. So.", group="a")
    return judge._judge(item, "1. No.", JudgeOptions(base_url=url, model="m", timeout_s=5), 1)


def ask_teacher(url: str) -> Any:
    async def ask() -> Any:
        options = TeacherOptions(model="m", base_url=url, timeout_s=5)
        asked = Wire(options)
        try:
            return await asked.send("key", [{"role": "user", "content": "How?"}], {})
        finally:
            await asked.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_and_no_key_goes_on(server: Hostile, elsewhere: Hostile, code: int) -> None:
    server.status, server.headers = code, {"Location": f"{elsewhere.url}/v1/models"}
    with pytest.raises(SteptuneError, match=rf"{code} \(a redirect, which is not followed; give the address"):
        connect(server.url, None)
    with pytest.raises(SteptuneError, match="a redirect, which is not followed"):
        generate(server.url)
    with pytest.raises(SteptuneError, match="a redirect, which is not followed"):
        generate(server.url, streamed=True)
    with pytest.raises(SteptuneError, match="a redirect, which is not followed"):
        ask_judge(server.url)
    told = ask_teacher(server.url)
    assert (told.kind, "a redirect, which is not followed" in told.reason) == ("fatal", True)
    assert send(Notice(webhook=f"{server.url}/{KEY}"), {}) == [f"The notice's webhook answered {code}."]
    assert len(server.asked) >= 6
    assert elsewhere.asked == []


def test_the_hubs_token_stays_where_it_was_sent(
    server: Hostile, elsewhere: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's own redirects lead to its store of files; they are followed, without the token."""
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", KEY)
    server.status, server.headers = 302, {"Location": elsewhere.url.replace("127.0.0.1", "localhost") + "/file"}
    wire.ask("org/model", "/x")
    assert [key for _, _, key in server.asked] == [f"Bearer {KEY}"]
    assert [key for _, _, key in elsewhere.asked] == [""]
    request = urllib.request.Request("https://hub.example/x", headers={"Authorization": KEY})
    following = wire._LeavesTokenBehind().redirect_request(request, None, 302, "", {}, "http://hub.example/x")
    assert not following.has_header("Authorization")


def test_a_password_of_the_hubs_address_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://user:{KEY}@127.0.0.1:9")
    with pytest.raises(ModelError, match=r"http://127\.0\.0\.1:9 does not answer") as refused:
        wire.ask("org/model", "/x")
    assert KEY not in str(refused.value)


def test_an_answer_without_an_end_is_given_up(server: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST_BYTES", 100_000)
    server.body = b'{"data": "' + b"x" * 300_000 + b'"}'
    with pytest.raises(ValueError, match="the answer has more than"):
        web.answer_of(server.url, 5)
    server.body = b"x" * 300_000
    with pytest.raises(ValueError, match="no end"), web.open_url(server.url, 5) as response:
        list(web.lines_of(response, 5))
    with pytest.raises(SteptuneError):
        connect(server.url, None)
    with pytest.raises(SteptuneError):
        ask_judge(server.url)


def test_an_answer_that_drips_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            connection.recv(4096)
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while True:
                    connection.sendall(b" ")
                    time.sleep(0.1)
            except OSError:
                pass

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(TimeoutError, match="no whole answer within 1 s"):
            web.answer_of(f"http://127.0.0.1:{listening.getsockname()[1]}", 1)
        assert time.monotonic() - started < 3


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "finish_reason": JSONS,
        "token_ids": JSONS | st.lists(st.integers(-5, 2**40), max_size=3),
        "message": JSONS | st.fixed_dictionaries({"content": JSONS}),
        "delta": JSONS | st.fixed_dictionaries({"content": JSONS}),
    },
)
DOCUMENTS = JSONS | st.fixed_dictionaries(
    {},
    optional={
        "choices": JSONS | st.lists(CHOICES | JSONS, max_size=2),
        "usage": JSONS | st.fixed_dictionaries({"prompt_tokens": JSONS}),
        "error": JSONS,
    },
)
MODELS = JSONS | st.fixed_dictionaries(
    {
        "data": JSONS
        | st.lists(
            JSONS | st.fixed_dictionaries({"id": JSONS}, optional={"owned_by": JSONS, "max_model_len": JSONS}),
            max_size=2,
        )
    }
)
NESTED = (b"[" * 20_000, b'{"choices":' * 20_000, b'{"data": ' + b"9" * 10_000 + b"}", b"\xff\xfe{}", b"")


def body_of(document: Any, raw: bytes, is_raw: bool) -> bytes:
    return raw if is_raw else json.dumps(document).encode("utf-8", "surrogatepass")


@settings(suppress_health_check=QUIET, deadline=3000, max_examples=40)
@given(MODELS, st.binary(max_size=40) | st.sampled_from(NESTED), st.booleans())
def test_whatever_a_server_lists_is_a_server_or_one_clear_error(
    server: Hostile, document: Any, raw: bytes, is_raw: bool
) -> None:
    server.body = body_of(document, raw, is_raw)
    with suppress(SteptuneError):
        found = connect(server.url, None)
        assert found.context is None or found.context > 0


@settings(suppress_health_check=QUIET, deadline=3000, max_examples=40)
@given(DOCUMENTS, st.binary(max_size=40) | st.sampled_from(NESTED), st.booleans(), st.booleans(), st.booleans())
def test_whatever_a_server_answers_is_an_answer_or_one_clear_error(
    server: Hostile, document: Any, raw: bytes, is_raw: bool, takes_ids: bool, streamed: bool
) -> None:
    server.body = body_of(document, raw, is_raw)
    if streamed:
        server.body = b"data: " + server.body.replace(b"\n", b" ") + b"\n\ndata: [DONE]\n"
    with suppress(SteptuneError):
        (answer,) = generate(server.url, takes_ids, streamed)
        assert isinstance(answer.text or "", str)
        assert all(isinstance(token, int) and token >= 0 for token in answer.token_ids)
        assert answer.generated >= 0


@settings(suppress_health_check=QUIET, deadline=3000, max_examples=40)
@given(DOCUMENTS, st.binary(max_size=40) | st.sampled_from(NESTED), st.booleans())
def test_whatever_a_judge_or_a_teacher_answers_is_a_verdict_a_reason_or_one_clear_error(
    server: Hostile, document: Any, raw: bytes, is_raw: bool
) -> None:
    server.body = body_of(document, raw, is_raw)
    with suppress(SteptuneError):
        assert ask_judge(server.url) in (None, True, False)
    found = read_completion(server.body, "application/json")
    assert isinstance(found.content, str)
    assert all(count is None or count >= 0 for count in (found.tokens_in, found.tokens_out))


@settings(suppress_health_check=QUIET, deadline=3000, max_examples=40)
@given(
    st.sampled_from([200, 204, 400, 401, 404, 418, 429, 500, 599]),
    st.binary(max_size=60) | st.sampled_from(NESTED),
    st.sampled_from(["application/json", "text/html", "", "a/b; charset=nonsense", "application/json; charset=utf-7"]),
)
def test_every_status_of_a_teacher_is_an_answer_of_the_wire(
    server: Hostile, status: int, body: bytes, kind: str
) -> None:
    server.status, server.body, server.headers = status, body, {"Content-Type": kind, "Retry-After": "nan"}
    assert ask_teacher(server.url).kind in ("answered", "retry", "in_doubt", "refused", "fatal")


@settings(suppress_health_check=QUIET, deadline=6000, max_examples=40)
@given(
    JSONS
    | st.fixed_dictionaries(
        {"sha": JSONS},
        optional={"siblings": JSONS | st.lists(st.fixed_dictionaries({"rfilename": JSONS, "size": JSONS}))},
    )
)
def test_whatever_a_hub_describes_is_a_model_or_one_clear_error(document: Any) -> None:
    with suppress(ModelError):
        commit, sizes, _ = _described("org/model", json.dumps(document).encode("utf-8", "surrogatepass"))
        assert "/" not in commit
        assert all(isinstance(size, int) for size in sizes.values())
