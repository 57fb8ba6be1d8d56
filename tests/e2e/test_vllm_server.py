"""A real vLLM server on CPU with the embedded model, started as a run: generate and ask answer through it, and it is
data-build's teacher behind faults.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_for
from tests.e2e.test_command_line import steptune
from toolkit.data.teacher.teacher_ledger import read_calls
from toolkit.generation.system import base_system, load_codec
from toolkit.machine.ports import port_problem
from toolkit.machine.processes import send, tagged_with
from toolkit.options.shared import ModelOptions
from toolkit.records import read_growing_jsonl
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.served import served_at

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
FAULT_SERVER = ROOT / "tests" / "fault_server.py"
QUESTIONS = ("How do I reset my router?", "How do I block a lost card?", "Bagaimana cara mengganti PIN?")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    """A run that serves; when it is stopped nothing of it is left."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    options = ("generator.dtype=float32", "generator.max_model_len=1024", "generator.max_num_seqs=8")
    options = (*options, "generator.cpu_kv_cache_gib=0.25", f"port={port}")
    started = ("run", "serve", "--preset", "demo", "--on", "cpu", "--run-dir", "run", "--detach", *options)
    done = steptune(*started, cwd=folder)
    assert done.returncode == 0, done.stderr
    run = RunFolder(folder / "run")
    try:
        wait_for(lambda: run.result or served_at(run), 600)
        assert run.result is None, run.log_file.read_text()[-3000:]
        yield run
        stopped = steptune("stop", str(run.path), cwd=folder)
        assert stopped.returncode == 0, stopped.stderr
        assert run.state() is State.CANCELLED
    finally:
        left = tagged_with(run.id)
        send(left, signal.SIGKILL)
    assert left == []
    assert port_problem("127.0.0.1", port) == ""


@pytest.fixture(scope="module")
def server(run: RunFolder) -> str:
    """The address of a vLLM server that is up."""
    found = served_at(run)
    assert found is not None
    return found.url


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_generate_gets_the_same_answers_from_the_server_as_from_an_engine_here(server: str, tmp_path: Path) -> None:
    data = tmp_path / "questions.jsonl"
    data.write_text(
        "".join(json.dumps({"id": str(number), "prompt": question}) + "\n" for number, question in enumerate(QUESTIONS))
    )
    common = ("run", "generate", "--run-dir")
    settings = ("model=embedded:smollm2-135m-instruct", "data=questions.jsonl", "max_new_tokens=8")
    done = steptune(*common, "served", "--preset", "server", *settings, f"generator.server={server}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = steptune(
        *common, "here", *settings, "generator.backend=transformers", "generator.dtype=float32", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    served = read_growing_jsonl(tmp_path / "served" / "predictions.jsonl")
    assert [row["prompt"] for row in served] == list(QUESTIONS)
    assert all(row["output_tokens"] <= 8 and row["finish_reason"] in ("stop", "length") for row in served)
    assert served == read_growing_jsonl(tmp_path / "here" / "predictions.jsonl")


def test_ask_and_the_chat_endpoint_give_the_same_answers_again(run: RunFolder, server: str, tmp_path: Path) -> None:
    """Template, stop tokens and the defaults of sampling are the server's own: a client that says nothing gets them."""
    codec = load_codec(base_system(ModelOptions(model="embedded:smollm2-135m-instruct")), "auto")
    explicit = {"presence_penalty": 1.0, "temperature": 0.0, "max_tokens": 8, "stop_token_ids": codec.stop_ids}
    for question in QUESTIONS:
        by_ids = post(f"{server}/v1/completions", {"prompt": codec.encode(question), **explicit})["text"]
        by_chat = post(
            f"{server}/v1/chat/completions", {"messages": [{"role": "user", "content": question}], "max_tokens": 8}
        )
        assert by_chat["message"]["content"].strip() == by_ids.strip()
        asked = steptune("ask", str(run.path), "--json", "--max-new-tokens", "8", question, cwd=tmp_path)
        assert asked.returncode == 0, asked.stderr
        (answer,) = json.loads(asked.stdout)["answers"]
        assert (answer["system"], answer["output"]) == ("server", by_ids.strip())
        assert answer["first_token_s"] <= answer["seconds"]
    assert [row["prompt"] for row in read_growing_jsonl(run.exchanges_file)] == list(QUESTIONS)


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    call = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=120) as response:
        return dict(json.load(response)["choices"][0])


def test_a_server_is_a_run_and_its_port_is_taken(run: RunFolder, server: str, tmp_path: Path) -> None:
    shown = steptune("runs", "--json", cwd=tmp_path, STEPTUNE_RUNS=str(run.path.parent))
    (row,) = json.loads(shown.stdout)
    assert (row["recipe"], row["state"]) == ("serve", "running")
    assert row["progress"] == f"serving baseline at {server}"
    second = steptune("run", "serve", "--preset", "demo", "--on", "cpu", f"port={server.rsplit(':')[-1]}", cwd=tmp_path)
    assert second.returncode == 3
    assert "cannot be listened on (Address already in use)" in second.stderr


def test_a_teacher_behind_faults_gives_valid_rows_or_reasons(server: str, tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "faults.jsonl"
    proxy = subprocess.Popen(
        [
            sys.executable,
            str(FAULT_SERVER),
            str(port),
            "--faults",
            "0.5",
            "--hang-s",
            "1",
            "--log",
            str(log),
            "--upstream",
            server,
        ]
    )
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        teacher = (
            "teacher.model=baseline",
            f"teacher.base_url=http://127.0.0.1:{port}/v1",
            "teacher.max_tokens=64",
            "teacher.temperature=0",
        )
        asked = ("synthesis.rows=2", "synthesis.grounded_rows=1", "teacher.attempts=2")
        done = steptune(
            "run",
            "data-build",
            "--preset",
            "teacher_vllm",
            "--run-dir",
            "built",
            *teacher,
            *asked,
            cwd=tmp_path,
            timeout=600,
        )
    finally:
        proxy.kill()
        proxy.wait()
    calls = read_calls(tmp_path / "built" / "teacher_answers.jsonl")
    assert {call.state for call in calls.values()} <= {"answered", "failed"}
    assert len({call.ask for call in calls.values()}) == 3
    sent = read_growing_jsonl(log)
    assert sorted(row["key"] for row in sent) == sorted(calls)
    real = [calls[row["key"]] for row in sent if not row["fault"]]
    assert real
    # Guided decoding: an answer is an object of the schema, unless it was cut off.
    assert all(call.state == "answered" and call.content.lstrip().startswith("{") for call in real)
    if done.returncode == 0:
        written = [
            row
            for row in read_growing_jsonl(tmp_path / "built" / "dataset" / "ledger.jsonl")
            if row["source"] == "synthetic"
        ]
        assert len(written) == 3
    else:  # a model as small as this one may write nothing that can be used: then the run says so
        assert done.returncode == 2
        assert "The teacher wrote no usable row: 3 asked for, none kept" in done.stderr
        assert all(call.why or "steps" not in call.content for call in calls.values())  # or of another schema
