"""A real vLLM server on CPU with the embedded model: generate answers through it, and it is data-build's teacher behind
faults.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.e2e.test_command_line import steptune
from toolkit.data.teacher.teacher_ledger import read_calls
from toolkit.models import resolve_model
from toolkit.records import read_growing_jsonl

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
FAULT_SERVER = ROOT / "tests" / "fault_server.py"
QUESTIONS = ("How do I reset my router?", "How do I block a lost card?", "Bagaimana cara mengganti PIN?")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a vLLM server that is up."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    # Not `vllm serve`: that program asks for a distribution named vllm, and the CPU one has another name.
    command = [
        sys.executable,
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model",
        resolve_model("embedded:smollm2-135m-instruct"),
        "--served-model-name",
        "small",
    ]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += [
        "--dtype",
        "float32",
        "--max-model-len",
        "1024",
        "--max-num-seqs",
        "8",
        "--enforce-eager",
        "--kv-cache-memory-bytes",
        str(256 << 20),
    ]
    # Without V1's multiprocessing the engine core computes itself: one process less that imports everything.
    quiet = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "OMP_WAIT_POLICY": "PASSIVE",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **quiet}, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_for(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/health"), 240)
        assert process.poll() is None, (folder / "log.txt").read_text()[-3000:]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


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
            "teacher.model=small",
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
            timeout=240,
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
