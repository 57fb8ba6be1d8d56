"""A notice at the end of a run and of the queue: the terminal's bell, a command, a webhook. Off unless somebody set it.

It is set in notice.json of the user's configuration folder, which nobody else may read: a webhook's address is often
all that it takes to post there. The address goes into no log, no run folder and on no screen.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from toolkit.errors import UsageError
from toolkit.records import JSON, read_json
from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.text import clean


@dataclass(frozen=True)
class Notice:
    """What is done at the end of a run. `webhook` is an address; nothing shows it."""

    bell: bool = False
    command: str = ""
    webhook: str = ""

    @classmethod
    def read(cls) -> Notice:
        row = read_json(notice_file()) or {}
        command, webhook = row.get("command"), row.get("webhook")
        return cls(
            row.get("bell") is True,
            command if isinstance(command, str) else "",
            webhook if isinstance(webhook, str) else "",
        )

    def write(self) -> None:
        """For this user's eyes alone."""
        file = notice_file()
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(file.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), 0o600)
            out.write(json.dumps(vars(self), indent=2) + "\n")
        os.replace(file.with_suffix(".new"), file)

    @property
    def sends(self) -> bool:
        return bool(self.command or self.webhook)


def notice_file() -> Path:
    """`$XDG_CONFIG_HOME/steptune/notice.json`, `~/.config/...` where that is not set."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "steptune" / "notice.json"


def require_address(text: str) -> str:
    """The address, without spaces around it. Raises UsageError, which does not show it, unless it is http or https."""
    address = text.strip()
    if not address.startswith(("https://", "http://")) or any(ord(letter) <= 32 for letter in address):
        raise UsageError("That is no address of a webhook; expected one line that begins with https:// or http://.")
    return address


def body_of_run(run: RunFolder) -> JSON:
    """What is told of a run that has ended."""
    result = run.result
    found = result.to_json() if result else {}
    told = ("state", "exit_code", "message", "seconds", "headline")
    row: JSON = {"event": "run_ended", "id": run.id, "recipe": run.recipe, "host": socket.gethostname()}
    return {**row, "run_dir": str(run.path), **{name: found[name] for name in told if name in found}}


def body_of_queue(root: Path, states: dict[str, int]) -> JSON:
    """What is told when nothing waits and runs any more; `states` counts the runs since the queue was last empty."""
    return {"event": "queue_ended", "host": socket.gethostname(), "runs_dir": str(root), "runs": states}


def announce(run: RunFolder, body: JSON) -> None:
    """Send in the background what is set to be sent; the run's events say what came of it."""
    if not Notice.read().sends:
        return
    with run.log_file.open("ab") as log:
        sender = subprocess.Popen(
            [sys.executable, "-P", "-m", "toolkit.runs.notice_sender", str(run.path)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    if sender.stdin:
        sender.stdin.write(json.dumps(body).encode())
        sender.stdin.close()


def ring(text: str, out: TextIO | None = None) -> None:
    """The bell, and OSC 9, which terminals show as a message of the desktop; on a terminal alone, and only if set."""
    stream = out or sys.stderr
    if stream.isatty() and Notice.read().bell:
        stream.write(bell_sequence(text))
        stream.flush()


def bell_sequence(text: str) -> str:
    return f"\x07\x1b]9;{clean(text)[:200]}\x07"
