"""Notices: what is sent, that a webhook that hangs keeps nobody waiting, and that its address is nowhere to be read."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.queue_case import put
from toolkit.cli import main
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.runs import notice_sender
from toolkit.runs.advance import advance
from toolkit.runs.notice import Notice, notice_file, ring

SECRET = "/services/T0SECRET"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


class _Hook(BaseHTTPRequestHandler):
    bodies: list[dict[str, object]]

    def do_POST(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(404 if self.path.endswith("missing") else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, object]]]]:
    _Hook.bodies = []
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{SECRET}", _Hook.bodies
    server.shutdown()
    server.server_close()


def everything_written(root: Path) -> str:
    return "\n".join(
        path.read_text(errors="replace") for path in root.rglob("*") if path.is_file() and path != notice_file()
    )


def test_the_end_of_a_run_and_of_the_queue_are_told_once_and_without_the_address(
    settings: Path, runs: Path, hook: tuple[str, list[dict[str, object]]]
) -> None:
    address, bodies = hook
    told = settings / "told.jsonl"
    Notice(command=f"cat >> {told}", webhook=address).write()
    assert notice_file().stat().st_mode & 0o777 == 0o600
    queue = QueueFolder(runs)
    first, second = put(queue, "a", seconds=0), put(queue, "b", "raise SystemExit(5)")
    advance(queue)
    wait_for(lambda: len(bodies) == 3 and told.exists() and told.read_text().count("\n") == 3)
    of_run = {str(body["id"]): body for body in bodies if body["event"] == "run_ended"}
    assert of_run[first.id]["state"] == "finished"
    assert of_run[first.id]["headline"] == {"rows": 3}
    assert (of_run[second.id]["state"], of_run[second.id]["exit_code"]) == ("failed", 1)
    (of_queue,) = [body for body in bodies if body["event"] == "queue_ended"]
    assert of_queue["runs"] == {"finished": 1, "failed": 1}
    assert SECRET not in everything_written(settings)


def test_a_webhook_that_hangs_is_given_up_and_named_in_the_events(
    settings: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        Notice(webhook=f"http://127.0.0.1:{silent.getsockname()[1]}{SECRET}").write()
        queue = QueueFolder(runs)
        first, second = put(queue, "a", seconds=0), put(queue, "b", seconds=0)
        advance(queue)
        wait_for(lambda: second.state().is_ended, 8)  # long before the webhook is given up
        monkeypatch.setattr(notice_sender, "WEBHOOK_TIMEOUT_S", 0.2)
        started = time.monotonic()
        assert notice_sender.send(Notice.read(), {}) == ["The notice's webhook did not answer within 0 s."]
        assert time.monotonic() - started < 2
    assert first.state().is_ended


@pytest.mark.parametrize(
    ("notice", "problem"),
    [
        (Notice(command="exit 3"), "The notice's command ended with exit code 3."),
        (Notice(command="sleep 60"), "The notice's command did not end within 0 s and was ended."),
        (Notice(webhook=f"http://127.0.0.1:9{SECRET}"), "The notice's webhook refused or dropped the connection."),
        (Notice(webhook=f"http://[bad{SECRET}"), "The notice's webhook could not be reached (ValueError)."),
    ],
)
def test_what_could_not_be_sent_is_said_without_the_address(
    monkeypatch: pytest.MonkeyPatch, notice: Notice, problem: str
) -> None:
    monkeypatch.setattr(notice_sender, "COMMAND_TIMEOUT_S", 0.3)
    assert notice_sender.send(notice, {"event": "test"}) == [problem]


def test_an_answer_that_is_no_success_is_said(hook: tuple[str, list[dict[str, object]]]) -> None:
    address, _ = hook
    assert notice_sender.send(Notice(webhook=f"{address}/missing"), {}) == ["The notice's webhook answered 404."]


def test_the_command_sets_shows_and_never_prints_an_address(
    settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["notice"]) == 0
    assert capsys.readouterr().out.split() == ["bell", "off", "command", "off", "webhook", "off"]
    (settings / "address").write_text(f"https://example.org{SECRET}\n")
    assert main(["notice", "--bell", "on", "--webhook", str(settings / "address")]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(f"ftp://example.org{SECRET}\n"))
    assert main(["notice", "--webhook", "-"]) == 2
    assert main(["notice", "--json"]) == 0
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    assert Notice.read() == Notice(True, "", f"https://example.org{SECRET}")
    assert main(["notice", "--bell", "off", "--webhook", "off"]) == 0
    assert Notice.read() == Notice()


def test_the_bell_rings_on_a_terminal_alone_and_only_when_set(settings: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    ring("done", terminal)
    Notice(bell=True).write()
    ring("done \x1b[31m", terminal)
    ring("done", pipe)
    assert terminal.getvalue().startswith("\x07\x1b]9;done")
    assert terminal.getvalue().count("\x1b") == 1
    assert pipe.getvalue() == ""
