"""A conversation's answers are generate's: base and adapter in one model, streamed, cut short; and through servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.unit.generation.conftest import make_adapter, make_base
from tests.unit.generation.generate_recipe import rows, run_generate, write_prompts
from toolkit.errors import ModelError, PreflightError, SteptuneError
from toolkit.generation import server_engine
from toolkit.generation.answerer import Answerer, Stopped, open_answerer
from toolkit.options.asking import AskOptions
from toolkit.options.generation import SamplingOptions
from toolkit.runs.ask_messages import Message, Question, Reply, Written
from toolkit.runs.recorder import Recorder

QUESTION = "How do I reset it?"


def opened(**options: Any) -> Answerer:
    return open_answerer(
        AskOptions.model_validate({"max_new_tokens": 6, **options}), Recorder(None), lambda _what: None
    )


def put(
    answerer: Answerer,
    text: str,
    systems: tuple[str, ...],
    check_stop: Callable[[], None] = lambda: None,
    **sampling: Any,
) -> list[Message]:
    told: list[Message] = []
    options = SamplingOptions.model_validate({"max_new_tokens": 6, **sampling})
    answerer.answer(Question("q0", text, systems, options), told.append, check_stop)
    return told


def replies(told: list[Message]) -> dict[tuple[str, int], str]:
    return {(part.system, part.sample): part.output for part in told if isinstance(part, Reply)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("ask")
    base = make_base(folder / "base")
    return base, make_adapter(folder / "adapter", base)


def test_both_systems_of_one_model_answer_as_generate_does(folders: tuple[Path, Path], tmp_path: Path) -> None:
    base, adapter = folders
    answerer = opened(model=str(base), adapter=adapter)
    told = put(answerer, QUESTION, ("baseline", "tuned"))
    data = write_prompts(tmp_path / "p.jsonl", QUESTION)
    run_generate(tmp_path / "run", model=str(base), adapter=adapter, data=data, systems=["baseline", "tuned"])
    expected = {(name, 0): rows(tmp_path / "run" / name)[0]["output"] for name in ("baseline", "tuned")}
    assert replies(told) == expected
    assert len(set(expected.values())) == 2
    for part in told:  # what is written is the beginning of the answer
        if isinstance(part, Written):
            assert expected[part.system, 0].startswith(part.text)
    ended = [part for part in told if isinstance(part, Reply)]
    assert all(part.first_token_s is not None and part.first_token_s <= part.seconds for part in ended)
    assert [part.prompt_tokens for part in ended] == [rows(tmp_path / "run" / "tuned")[0]["prompt_tokens"]] * 2


def test_draws_follow_from_the_question_and_its_sample(folders: tuple[Path, Path]) -> None:
    answerer = opened(model=str(folders[0]), adapter=folders[1])
    drawn = [replies(put(answerer, QUESTION, ("tuned",), temperature=1.0, n=3)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0].values())) > 1


def test_a_question_that_fills_the_context_is_not_asked(folders: tuple[Path, Path]) -> None:
    answerer = opened(model=str(folders[0]))
    (reply,) = put(answerer, "x" * 200, ("baseline",))
    assert isinstance(reply, Reply)
    assert (reply.finish_reason, reply.output, reply.output_tokens, reply.first_token_s) == (
        "prompt_too_long",
        "",
        0,
        None,
    )
    assert answerer.context == 96


def test_an_answer_that_is_cut_short_keeps_what_is_written(folders: tuple[Path, Path]) -> None:
    answerer = opened(model=str(folders[0]))
    looks = iter(range(100))

    def stop_at_the_fourth() -> None:
        if next(looks) == 3:
            raise Stopped

    whole = replies(put(answerer, QUESTION, ("baseline",)))["baseline", 0]
    reply = put(answerer, QUESTION, ("baseline",), stop_at_the_fourth)[-1]
    assert isinstance(reply, Reply)
    assert reply.finish_reason == "stopped"
    assert 0 < reply.output_tokens < 6
    assert whole.startswith(reply.output)


def test_an_adapter_of_another_base_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    other = make_base(tmp_path / "other", tied=True, seed=3)
    adapter = make_adapter(tmp_path / "adapter", folders[0], training={"base_fingerprint": "0" * 64, "base_model": "x"})
    with pytest.raises(ModelError, match="was trained on x"):
        opened(model=str(other), adapter=adapter)


@contextmanager
def streaming(owner: str, pieces: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Iterator[str]:
    """A server that sends the pieces as server-sent events; one that ends without `[DONE]` sends {"cut": true} last."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(json.dumps({"data": [{"id": "m", "owned_by": owner, "max_model_len": 96}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            sent = pieces(body)
            lines = [f"data: {json.dumps(piece)}\n\n" for piece in sent if "cut" not in piece]
            self._send(
                "".join(
                    [": alive\n\n", *lines, *([] if sent[-1:] == [{"cut": True}] else ["data: [DONE]\n\n"])]
                ).encode()
            )

        def _send(self, data: bytes) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_by_token_ids_gets_the_trained_prompt_and_streams(folders: tuple[Path, Path]) -> None:
    base, adapter = folders
    here = opened(model=str(base), adapter=adapter)
    codec = here.systems["tuned"].codec
    ids = codec.tokenizer.encode("1. So.", add_special_tokens=False)
    seen: list[dict[str, Any]] = []

    def pieces(body: dict[str, Any]) -> list[dict[str, Any]]:
        seen.append(body)
        parts = [{"choices": [{"token_ids": [token], "finish_reason": None}]} for token in ids]
        return [*parts, {"choices": [{"token_ids": [2], "finish_reason": "stop"}]}, {"choices": [], "usage": {}}]

    with streaming("vllm", pieces) as url:
        told = put(opened(model=str(base), adapter=adapter, at={"server": url}), QUESTION, ("server",))
    assert replies(told) == {("server", 0): "1. So."}
    assert told[-1].finish_reason == "stop"  # type: ignore[union-attr]
    assert seen[0]["prompt"] == codec.encode(QUESTION)
    assert seen[0]["stop_token_ids"] == codec.stop_ids


def test_another_server_streams_text(folders: tuple[Path, Path]) -> None:
    def pieces(body: dict[str, Any]) -> list[dict[str, Any]]:
        assert body["messages"] == [{"role": "user", "content": QUESTION}]
        texts = [{"choices": [{"delta": {"content": text}, "finish_reason": None}]} for text in ("1. ", "So.", "")]
        end = {"choices": [{"delta": {}, "finish_reason": "length"}]}
        return [*texts, end, {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 4}}]

    with streaming("someone", pieces) as url:
        told = put(opened(model=str(folders[0]), at={"server": url}), QUESTION, ("server",))
    reply = told[-1]
    assert isinstance(reply, Reply)
    assert (reply.output, reply.finish_reason, reply.output_tokens) == ("1. So.", "length", 4)


def test_a_stream_that_breaks_off_is_tried_again_and_then_said(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_engine, "RETRY_AFTER_S", (0.01,))
    tried: list[int] = []

    def pieces(_body: dict[str, Any]) -> list[dict[str, Any]]:
        tried.append(1)
        return [{"choices": [{"delta": {"content": "1."}, "finish_reason": None}]}, {"cut": True}]

    with streaming("someone", pieces) as url:
        answerer = opened(model=str(folders[0]), at={"server": url})
        with pytest.raises(SteptuneError, match="stopped answering"):
            put(answerer, QUESTION, ("server",))
    assert len(tried) == 2
    with pytest.raises(PreflightError, match="nothing answers"):
        opened(model=str(folders[0]), at={"server": "http://127.0.0.1:9"})
