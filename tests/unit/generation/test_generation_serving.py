"""What a server is given and what the small one answers: generate's answers through it, and what is refused."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.unit.generation.conftest import make_adapter, make_base
from tests.unit.generation.generate_recipe import rows, run_generate, write_prompts
from toolkit.errors import ModelError, PreflightError
from toolkit.generation import served_folder, serving
from toolkit.generation.openai_api import CHAT, COMPLETION, BadRequest, parse
from toolkit.generation.prompts import Codec
from toolkit.generation.serve_transformers import Engine, Handler, Service
from toolkit.generation.served_folder import make_served_folder
from toolkit.generation.system import System, base_system, load_codec
from toolkit.generation.transformers_engine import load_model
from toolkit.options.generation import AnswerOptions, EngineOptions
from toolkit.options.serving import KEY_VARIABLE, ServeOptions
from toolkit.options.shared import ModelOptions
from toolkit.records import read_json
from toolkit.runs.recorder import Recorder

QUESTIONS = ("How do I reset it?", "Why not?", "So </s> what?")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("serving") / "base")


@pytest.fixture(scope="module")
def system(base: Path) -> System:
    return base_system(ModelOptions(model=str(base)))


@pytest.fixture(scope="module")
def codec(system: System) -> Codec:
    return load_codec(system, "auto")


@pytest.fixture
def options(base: Path) -> ServeOptions:
    return ServeOptions(model=str(base), max_new_tokens=6)


def served(options: ServeOptions, codec: Codec, base: Path, key: str | None = None) -> Iterator[str]:
    engine = Engine(load_model(base, "float32"), 3)
    engine.start()
    service = Service(options, codec, 96, None, engine, key, count())
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"service": service}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def url(options: ServeOptions, codec: Codec, base: Path) -> Iterator[str]:
    yield from served(options, codec, base)


def call(url: str, body: dict[str, Any] | None = None, key: str | None = None) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_folder_that_is_served_holds_template_stop_tokens_and_defaults(
    system: System, codec: Codec, tmp_path: Path
) -> None:
    defaults = AnswerOptions(max_new_tokens=7, temperature=0.5, top_p=0.9, presence_penalty=1.0)
    make_served_folder(tmp_path / "model", system, codec, defaults)
    assert (tmp_path / "model" / "model.safetensors").resolve() == (system.folder / "model.safetensors").resolve()
    assert read_json(tmp_path / "model" / "generation_config.json") == {
        "bos_token_id": 1,
        "eos_token_id": [2],
        "do_sample": True,
        "temperature": 0.5,
        "max_new_tokens": 7,
        "top_p": 0.9,
        "presence_penalty": 1.0,
    }
    again = load_codec(base_system(ModelOptions(model=str(tmp_path / "model"))), "auto")
    assert [again.encode(question) for question in QUESTIONS] == [codec.encode(question) for question in QUESTIONS]
    make_served_folder(tmp_path / "model", system, codec, AnswerOptions())  # as `resume` does
    assert (read_json(tmp_path / "model" / "generation_config.json") or {})["do_sample"] is False


@pytest.mark.parametrize("planted", ["two BOS", "no suffix"])
def test_a_template_that_writes_another_prompt_is_refused(
    planted: str, system: System, codec: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, _ = served_folder.served_template(codec.prompt_format, codec.tokenizer)
    wrong = "<s>" + right if planted == "two BOS" else right.replace("### Answer", "Answer")
    monkeypatch.setattr(served_folder, "served_template", lambda *_given: (wrong, False))
    with pytest.raises(ModelError, match="is not the trained one"):
        make_served_folder(tmp_path / "model", system, codec, AnswerOptions())


def test_generate_through_the_small_server_is_the_engine_here(url: str, base: Path, tmp_path: Path) -> None:
    data = write_prompts(tmp_path / "p.jsonl", *QUESTIONS)
    run_generate(tmp_path / "here", model=str(base), data=data)
    run_generate(tmp_path / "there", model=str(base), data=data, generator={"server": url})
    assert rows(tmp_path / "there") == rows(tmp_path / "here")
    drawn = {"temperature": 1.0, "n": 2}
    run_generate(tmp_path / "here2", model=str(base), data=data, **drawn)
    run_generate(tmp_path / "there2", model=str(base), data=data, generator={"server": url}, **drawn)
    assert rows(tmp_path / "there2") == rows(tmp_path / "here2")
    # through the chat endpoint a question with a control token in it is the same text
    (expected,) = [row["output"] for row in rows(tmp_path / "here") if row["prompt"] == QUESTIONS[2]]
    status, text = call(f"{url}{CHAT}", {"messages": [{"role": "user", "content": QUESTIONS[2]}]})
    assert (status, json.loads(text)["choices"][0]["message"]["content"]) == (200, expected)


def test_streams_add_up_to_the_whole_answer(url: str, codec: Codec) -> None:
    body = {"prompt": codec.encode(QUESTIONS[0]), "return_token_ids": True}
    whole = json.loads(call(f"{url}{COMPLETION}", body)[1])
    lines = call(f"{url}{COMPLETION}", {**body, "stream": True})[1].split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    pieces = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    choices = [piece["choices"][0] for piece in pieces]
    assert [token for choice in choices for token in choice["token_ids"]] == whole["choices"][0]["token_ids"]
    assert "".join(choice["text"] for choice in choices) == whole["choices"][0]["text"]
    assert pieces[-1]["usage"] == whole["usage"]
    assert len(pieces) > 1


def test_a_key_is_asked_for_everywhere_but_for_health(options: ServeOptions, codec: Codec, base: Path) -> None:
    for url in served(options, codec, base, key="secret"):
        assert call(f"{url}/health")[0] == 200
        for path, body in (("/v1/models", None), (CHAT, {"messages": []}), (COMPLETION, {"prompt": "a"})):
            assert call(f"{url}{path}", body)[0] == 401
            assert call(f"{url}{path}", body, key="secre")[0] == 401
        status, text = call(f"{url}/v1/models", key="secret")
        assert (status, json.loads(text)["data"][0]["id"]) == (200, "baseline")


@pytest.mark.parametrize(
    ("path", "body", "status", "complaint"),
    [
        ("/v1/embeddings", {}, 404, "there is no"),
        (CHAT, [], 400, "expected a JSON object"),
        (CHAT, {"model": "other", "messages": []}, 404, "served is baseline"),
        (CHAT, {"messages": "hello"}, 400, "expected a list of objects"),
        (CHAT, {"messages": [{"role": "user", "content": " "}]}, 400, "a text that is not empty"),
        (CHAT, {"messages": [{"role": "user", "content": "b"}], "tools": [1]}, 400, "tools is not something"),
        (CHAT, {"messages": [{"role": "user", "content": "b"}], "n": 2}, 400, "n is not something"),
        (CHAT, {"messages": [{"role": "user", "content": "b"}], "temperature": -1}, 400, "temperature: "),
        (COMPLETION, {"prompt": ""}, 400, "expected a text, or a list of token ids"),
        (COMPLETION, {"prompt": [5, 999]}, 400, "token ids from 0 to 128"),
        (COMPLETION, {"prompt": [5] * 96}, 400, "maximum context length is 96"),
        (COMPLETION, {"prompt": [5], "stop": ["."]}, 400, "stop is not something"),
    ],
)
def test_what_the_small_server_does_not_do_it_refuses(
    path: str,
    body: Any,
    status: int,
    complaint: str,
    options: ServeOptions,
    codec: Codec,
    system: System,
    tmp_path: Path,
) -> None:
    make_served_folder(tmp_path / "model", system, codec, AnswerOptions())
    told = load_codec(base_system(ModelOptions(model=str(tmp_path / "model"))), "auto")
    with pytest.raises(BadRequest, match=complaint) as caught:
        parse(path, body, options, told, 96, None, 0)
    assert caught.value.status == status


def test_vllms_server_gets_the_engine_of_generate_and_the_folders_own_files(base: Path, system: System) -> None:
    engine = EngineOptions(dtype="float32", quantization="none", enforce_eager=True, max_num_seqs=8)
    options = ServeOptions(model=str(base), host="::1", port=8123, generator=engine)
    arguments = serving._vllm_arguments(options, engine, system, Path("/run/model"))
    given = dict(pairwise(arguments))
    assert (given["--model"], given["--served-model-name"], given["--port"]) == ("/run/model", "baseline", "8123")
    assert (given["--dtype"], given["--max-num-seqs"], given["--max-model-len"]) == ("float32", "8", "auto")
    assert "--enforce-eager" in arguments
    assert not {"--generation-config", "--skip-tokenizer-init", "--api-key"} & set(arguments)
    assert options.url == "http://[::1]:8123"
    assert ServeOptions(model=str(base), host="0.0.0.0").url == "http://127.0.0.1:8000"


def test_what_cannot_be_served_is_refused_before_anything_is_loaded(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as taken:
        port = taken.server_address[1]
        with pytest.raises(PreflightError, match=f"port {port} of 127.0.0.1 cannot be listened on"):
            serving.serve(ServeOptions(model=str(base), port=port), tmp_path, recorder)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(PreflightError, match=f"the environment has no {KEY_VARIABLE}"):
        serving.serve(ServeOptions(model=str(base), port=port, require_key=True), tmp_path, recorder)
    adapter = make_adapter(tmp_path / "adapter", base)
    unmerged = ServeOptions(model=str(base), adapter=adapter, port=port, generator=EngineOptions(unmerged=True))
    with pytest.raises(PreflightError, match="vLLM on a CPU mixes base and adapter"):
        serving.serve(unmerged, tmp_path, recorder)
    assert not (tmp_path / "model").exists()
