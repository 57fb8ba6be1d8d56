"""Generation through a server: token ids for vLLM's, chat for others; ports that others have; a server that dies."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.unit.generation.conftest import make_base
from tests.unit.generation.generate_recipe import rows, run_generate, write_prompts
from tests.unit.generation.openai_server import openai_server
from toolkit.errors import PreflightError, SteptuneError
from toolkit.generation import server_engine
from toolkit.generation.server_engine import connect
from toolkit.options.generation import SamplingOptions
from toolkit.options.shared import HeldOutOptions, ModelOptions
from toolkit.records import read_growing_jsonl, read_json

VLLM = [{"id": "tiny", "owned_by": "vllm", "max_model_len": 96}]
CHAT = [{"id": "chatty", "owned_by": "someone"}]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_engine, "RETRY_AFTER_S", (0.05, 0.05))


def local_answers(tmp_path: Path, base: Path, data: Path) -> dict[tuple[int, ...], list[int]]:
    """What the transformers backend answers, by prompt ids: the truth that a vLLM server would give as well."""
    from toolkit.generation.prompts import build_requests, read_prompts
    from toolkit.generation.system import base_system, load_codec
    from toolkit.generation.transformers_engine import generate_transformers, load_model

    codec = load_codec(base_system(ModelOptions(model=str(base))), "auto")
    requests = build_requests(
        read_prompts(HeldOutOptions(data=data)), codec, SamplingOptions(max_new_tokens=6), 96, "s"
    )
    model = load_model(base, "float32")
    done = generate_transformers(
        model,
        3,
        [request for request in requests if not request.refused],
        SamplingOptions(max_new_tokens=6),
        lambda tokens: None,
    )
    return {tuple(finished.request.prompt_ids): finished.token_ids for finished in done}


def test_vllm_server_gets_token_ids_and_gives_the_local_text(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    data = write_prompts(tmp_path / "p.jsonl", "How?", "Why not?", "", "x" * 95)
    known, seen = local_answers(tmp_path, base, data), []

    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        seen.append((path, body))
        return 200, {"choices": [{"token_ids": known[tuple(body["prompt"])], "finish_reason": "length"}]}

    run_generate(tmp_path / "local", model=str(base), data=data)
    with openai_server(answer, VLLM) as url:
        run_generate(tmp_path / "run", model=str(base), data=data, generator={"server": f"{url}/v1/"})
    assert rows(tmp_path / "run") == rows(tmp_path / "local")
    path, body = seen[0]
    assert path == "/v1/completions"
    assert body["prompt"][0] == 1
    assert body["prompt"].count(1) == 1  # exactly one BOS
    assert {
        key: body[key]
        for key in ("model", "max_tokens", "temperature", "stop_token_ids", "add_special_tokens", "top_k")
    } == {
        "model": "tiny",
        "max_tokens": 6,
        "temperature": 0.0,
        "stop_token_ids": [2],
        "add_special_tokens": False,
        "top_k": 0,
    }


def test_chat_server_gets_the_question_and_its_own_counts_are_kept(tmp_path: Path) -> None:
    data = write_prompts(tmp_path / "p.jsonl", "How?", "Why?", "too long", "How?")

    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        question = body["messages"][0]["content"]
        if question == "too long":
            return 400, {"error": {"message": "This model's maximum context length is 9 tokens."}}
        choice = {"message": {"content": f" 1. {question}\n"}, "finish_reason": "stop"}
        return 200, {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 4}}

    with openai_server(answer, CHAT) as url:
        run_generate(tmp_path / "run", model="org/none", data=data, generator={"server": url})
    assert [
        (row["id"], row["output"], row["finish_reason"], row["prompt_tokens"], row["output_tokens"])
        for row in rows(tmp_path / "run")
    ] == [
        ("q0", "1. How?", "stop", 7, 4),
        ("q1", "1. Why?", "stop", 7, 4),
        ("q2", "", "prompt_too_long", 0, 0),
        ("q3", "1. How?", "stop", 7, 4),
    ]
    report = read_json(tmp_path / "run" / "generation.json")
    assert report is not None
    assert (report["model"], report["engine"]["device"], report["output_tokens"]) == ("chatty", "server", 12)


def test_server_that_dies_half_way_keeps_the_answers_and_the_run_continues(tmp_path: Path) -> None:
    data = write_prompts(tmp_path / "p.jsonl", *(f"Question {number}?" for number in range(8)))
    answered: list[str] = []

    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if len(answered) >= 4 and not alive:
            return 503, {}
        answered.append(body["messages"][0]["content"])
        return 200, {"choices": [{"message": {"content": answered[-1]}, "finish_reason": "stop"}]}

    alive = False
    settings = {"model": "org/none", "data": data, "generator": {"max_num_seqs": 1}}
    with openai_server(answer, CHAT) as url:
        settings["generator"]["server"] = url  # type: ignore[index]
        with pytest.raises(
            SteptuneError, match=r"stopped answering \(answered 503\).* answers so far are kept.*steptune resume"
        ):
            run_generate(tmp_path / "run", **settings)
        assert len(read_growing_jsonl(tmp_path / "run" / "partial.jsonl")) == 4
        alive = True
        run_generate(tmp_path / "run", **settings)
    assert [row["output"] for row in rows(tmp_path / "run")] == [f"Question {number}?" for number in range(8)]
    assert sorted(answered) == [f"Question {number}?" for number in range(8)]  # nothing was asked twice


def test_port_of_another_program_and_port_of_none_are_told_apart(tmp_path: Path) -> None:
    with (
        pytest.raises(PreflightError, match=r"no OpenAI-compatible server .*another program may have that port"),
        _greeter() as url,
    ):
        connect(url, None)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(PreflightError, match=r"nothing answers at http://127\.0\.0\.1:\d+ \(.*refused"):
            connect(f"http://127.0.0.1:{unused.getsockname()[1]}", None)


def test_model_that_the_server_does_not_have_is_named(tmp_path: Path) -> None:
    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 404, {"error": "no"}

    two = [*CHAT, {"id": "other", "owned_by": "someone"}]
    with openai_server(answer, two) as url:
        with pytest.raises(PreflightError, match=r"serves chatty, other, and generator\.server_model names none"):
            connect(url, None)
        with pytest.raises(PreflightError, match=r"serves chatty, other, not third"):
            connect(url, "third")
        assert connect(url, "other").model == "other"
        data = write_prompts(tmp_path / "p.jsonl", "How?")
        with pytest.raises(SteptuneError, match=r"refused the prompt 'q0' with 404"):
            run_generate(
                tmp_path / "run", model="org/none", data=data, generator={"server": url, "server_model": "other"}
            )


class _greeter:
    """A program that speaks no HTTP."""

    def __enter__(self) -> str:
        import threading

        self.socket = socket.create_server(("127.0.0.1", 0))

        def greet() -> None:
            connection, _ = self.socket.accept()
            connection.recv(1024)
            connection.sendall(b"220 ready\r\n")
            connection.close()

        threading.Thread(target=greet, daemon=True).start()
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.socket.close()
