"""Sending a notice: a process of its own, with an end, so that a webhook that hangs keeps nobody waiting.

    python -P -m toolkit.runs.notice_sender RUN_DIR < BODY      (started by the supervisor of a run that has ended)

What could not be sent becomes an event of the run, without the webhook's address.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from toolkit import __version__
from toolkit.records import JSON
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.notice import Notice
from toolkit.web import open_url

WEBHOOK_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 30.0
_ALL_TIMEOUT_S = 60


def send(notice: Notice, body: JSON) -> list[str]:
    """Run the command and post to the webhook. What went wrong, a sentence each, without the address."""
    problems = []
    if notice.command and (problem := _run_command(notice.command, body)):
        problems.append(f"The notice's command {problem}.")
    if notice.webhook and (problem := _post(notice.webhook, body)):
        problems.append(f"The notice's webhook {problem}.")
    return problems


def main() -> int:
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(_ALL_TIMEOUT_S)
    run, body = RunFolder(Path(sys.argv[1])), json.load(sys.stdin)
    for problem in send(Notice.read(), body):
        with contextlib.suppress(OSError):
            run.add_event(EventName.WARNING, message=problem)
    return 0


def _run_command(command: str, body: JSON) -> str:
    process = subprocess.Popen(
        command,
        shell=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.communicate(json.dumps(body).encode() + b"\n", timeout=COMMAND_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"did not end within {COMMAND_TIMEOUT_S:.0f} s and was ended"
    return f"ended with exit code {process.returncode}" if process.returncode else ""


def _post(address: str, body: JSON) -> str:
    headers = {"Content-Type": "application/json", "User-Agent": f"steptune/{__version__}"}
    try:
        request = urllib.request.Request(address, json.dumps(body).encode(), headers, method="POST")
        answer: IO[bytes]
        with open_url(request, WEBHOOK_TIMEOUT_S) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as error:
        return f"answered {error.code}"
    except Exception as error:
        return _in_words(error)
    return ""


def _in_words(error: BaseException) -> str:
    """What failed, by its kind alone: the texts of libraries name hosts and addresses."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"did not answer within {WEBHOOK_TIMEOUT_S:.0f} s"
    if isinstance(reason, ssl.SSLError):
        return "has a certificate that is not trusted"
    if isinstance(reason, socket.gaierror):
        return "has a host name that nobody knows"
    if isinstance(reason, ConnectionError):
        return "refused or dropped the connection"
    return f"could not be reached ({type(reason).__name__})"


if __name__ == "__main__":
    sys.exit(main())
