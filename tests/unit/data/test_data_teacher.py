"""The teacher client against a loopback server with faults, and what bodies are taken for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fault_server import completion
from toolkit.data.teacher.synthesis_prompts import HowTo
from toolkit.data.teacher.teacher import BUDGET_REACHED, Ask, Teacher
from toolkit.data.teacher.teacher_answers import read_completion, read_object
from toolkit.data.teacher.teacher_ledger import AnswerLedger
from toolkit.errors import PreflightError
from toolkit.options.teacher import TeacherOptions
from toolkit.runs.recorder import Recorder

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[float], str]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(faults: float) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        argv = [
            sys.executable,
            str(ROOT / "tests/fault_server.py"),
            str(port),
            "--faults",
            str(faults),
            "--log",
            str(tmp_path / "log"),
            "--hang-s",
            "2",
        ]
        started.append(subprocess.Popen(argv))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return f"http://127.0.0.1:{port}/v1"
            time.sleep(0.05)
        raise AssertionError("the loopback server did not come up")

    yield start
    for server in started:
        server.kill()
        server.wait()


def asks(count: int) -> list[Ask]:
    return [
        Ask(str(number), "Write one how-to.", f"About thing {number}; write to joe@example.org", HowTo)
        for number in range(count)
    ]


def teacher(url: str, ledger: AnswerLedger, max_total_tokens: int | None = None, timeout_s: float = 1.0) -> Teacher:
    """Gives up on the server's hanging answers; with a longer timeout it never asks twice."""
    options = TeacherOptions(
        model="m", base_url=url, api_key_env=None, timeout_s=timeout_s, max_total_tokens=max_total_tokens
    )
    return Teacher(
        options,
        ledger,
        lambda text: text.replace("joe@example.org", "[EMAIL_1]"),
        Recorder(None),
        first_pause_s=0.02,
    )


def test_every_ask_is_answered_or_accounted_for_and_nothing_is_asked_twice(
    serve: Callable[[float], str], tmp_path: Path
) -> None:
    url = serve(0.2)
    with AnswerLedger(tmp_path / "answers.jsonl", "run") as ledger:
        replies = teacher(url, ledger).ask_all(asks(80), "ask")
    assert all((reply.value is None) == bool(reply.reason) for reply in replies)
    assert sum(reply.value is not None for reply in replies) >= 78
    sent = Counter(json.loads(line)["key"] for line in (tmp_path / "log").read_text().splitlines())
    assert max(sent.values()) == 1
    with AnswerLedger(tmp_path / "answers.jsonl", "run") as ledger:
        again = teacher(url, ledger)
        assert [reply.value for reply in again.ask_all(asks(80), "ask")] == [reply.value for reply in replies]
        assert again.calls == 0
    assert "joe@example.org" not in (tmp_path / "answers.jsonl").read_text()


def test_after_kill_9_no_answer_is_paid_for_again(serve: Callable[[float], str], tmp_path: Path) -> None:
    url = serve(0.0)
    script = f"""
from pathlib import Path
from tests.unit.data.test_data_teacher import AnswerLedger, asks, teacher
with AnswerLedger(Path({str(tmp_path / "answers.jsonl")!r}), "run") as ledger:
    teacher({url!r}, ledger).ask_all(asks(2000), "ask")
"""
    child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    while (
        not (tmp_path / "answers.jsonl").exists() or (tmp_path / "answers.jsonl").read_text().count('"answered"') < 50
    ):
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    with AnswerLedger(tmp_path / "answers.jsonl", "run") as ledger:
        on_disk = {key for key, call in ledger.calls.items() if call.state == "answered"}
        replies = teacher(url, ledger).ask_all(asks(len(on_disk) + 100), "ask")
    assert all(reply.value for reply in replies)
    sent = Counter(json.loads(line)["key"] for line in (tmp_path / "log").read_text().splitlines())
    assert max(sent.values()) == 1
    assert on_disk <= set(sent)


def test_a_budget_stops_the_calls_and_says_so(serve: Callable[[float], str], tmp_path: Path) -> None:
    url = serve(0.0)
    with AnswerLedger(tmp_path / "answers.jsonl", "run") as ledger:
        asked = teacher(url, ledger, max_total_tokens=20_000)
        replies = asked.ask_all(asks(300), "ask")
    assert asked.stopped_by_budget
    assert {reply.reason for reply in replies if reply.value is None} == {BUDGET_REACHED}
    assert 0 < asked.budget.tokens <= 20_000


def test_with_a_larger_budget_the_calls_go_on_and_none_is_paid_twice(
    serve: Callable[[float], str], tmp_path: Path
) -> None:
    url = serve(0.0)
    with AnswerLedger(tmp_path / "answers.jsonl", "run") as ledger:
        first = teacher(url, ledger, max_total_tokens=20_000, timeout_s=30.0)
        before = first.ask_all(asks(300), "ask")
    paid = sum(reply.value is not None for reply in before)
    assert 0 < paid < 300
    with AnswerLedger(tmp_path / "answers.jsonl", "run") as ledger:
        second = teacher(url, ledger, max_total_tokens=1_000_000, timeout_s=30.0)
        after = second.ask_all(asks(300), "ask")
    assert (second.reused, second.calls) == (paid, 300 - paid)
    assert [old.value for old in before if old.value] == [
        new.value for old, new in zip(before, after, strict=True) if old.value
    ]
    assert second.budget.tokens == 300 * 180  # what the first part cost counts in the second's budget
    sent = Counter(json.loads(line)["key"] for line in (tmp_path / "log").read_text().splitlines())
    assert (len(sent), max(sent.values())) == (300, 1)


def test_a_server_that_refuses_everything_ends_the_run_with_one_sentence(tmp_path: Path) -> None:
    with AnswerLedger(tmp_path / "answers.jsonl", "run") as ledger:
        silent = TeacherOptions(base_url="http://127.0.0.1:9/v1", api_key_env=None, retries=2)
        replies = Teacher(silent, ledger, str, Recorder(None), first_pause_s=0.01).ask_all(asks(2), "ask")
        assert [reply.reason for reply in replies] == ["teacher, no connection"] * 2
        keyed = TeacherOptions(base_url="http://127.0.0.1:9/v1", api_key_env="STEPTUNE_NO_SUCH_KEY")
        with pytest.raises(PreflightError, match="STEPTUNE_NO_SUCH_KEY, which is not set"):
            Teacher(keyed, ledger, str, Recorder(None)).ask_all(asks(1), "ask")


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"<html>502</html>", "text/html", "answered with an HTML page"),
        (b'{"error": {"message": "busy"}}', "application/json", "answered with an error and status 200"),
        (b'{"choices": [', "application/json", "answered with a body that is not JSON"),
        (b"", "application/json", "answered with an empty body"),
        (b"[1]", "application/json", "answered with JSON that is no chat completion"),
        (completion("{}").replace(b'"stop"', b'"length"'), "application/json", "answer cut at max_tokens"),
        (completion("{}"), "application/json", ""),
    ],
)
def test_bodies_with_status_200(body: bytes, content_type: str, reason: str) -> None:
    assert read_completion(body, content_type).reason == reason


@pytest.mark.parametrize(
    "text",
    [
        '{"question": "How?", "steps": ["a", "b"]}',
        'Sure!\n```json\n{"question": "How?", "steps": ["a", "b",]}\n```',
        "<think>hm {</think>{'question': 'How?', 'steps': ['a', 'b']}",
    ],
)
def test_json_is_taken_out_of_text(text: str) -> None:
    assert read_object(text, HowTo) == ({"question": "How?", "steps": ["a", "b"]}, "")


def test_another_schema_and_no_json_are_told_apart() -> None:
    assert read_object('{"answer": 1}', HowTo)[1].startswith("answered in another schema: question")
    assert read_object("I would open the app.", HowTo) == (None, "answered without a JSON object")
