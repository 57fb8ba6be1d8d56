"""A pseudo-terminal with a program in it: what it sent and when, and the screen that a person would see (by pyte); and
tmux.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyte

REPOSITORY = Path(__file__).resolve().parents[2]


class Terminal:
    """`read` False models a terminal that has stopped reading: the program's output is not taken any more."""

    def __init__(
        self,
        argv: list[str],
        columns: int = 80,
        rows: int = 24,
        environment: dict[str, str] | None = None,
        emulate: bool = True,
    ) -> None:
        self.columns, self.rows = columns, rows
        self.output = bytearray()
        self.times: list[tuple[float, int]] = []  # (time, bytes so far)
        self.reading = True
        self._closing = False
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._unfinished = b""  # the beginning of a control sequence whose rest has not been read yet
        self._emulate = emulate
        self._lock = threading.Lock()
        self.started = time.monotonic()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.environ.update(
                {
                    "TERM": "xterm-256color",
                    "COLORTERM": "truecolor",
                    "LANG": "C.UTF-8",
                    "LC_ALL": "C.UTF-8",
                    **(environment or {}),
                }
            )
            os.chdir(REPOSITORY)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the suite itself runs under nohup
            os.execv(argv[0], argv)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._closing:
            if not self.reading:
                time.sleep(0.02)
                continue
            try:
                if not select.select([self.master], [], [], 0.1)[0]:
                    continue
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self.output += data
                self.times.append((time.monotonic(), len(self.output)))
                if self._emulate:
                    whole, self._unfinished = split_unfinished(self._unfinished + data)
                    with contextlib.suppress(Exception):
                        self._stream.feed(_without_private(whole))

    @property
    def size(self) -> int:
        return len(self.output)

    def send(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def text(self) -> str:
        with self._lock:
            return "\n".join(self.screen.display)

    def wait_for(self, what: str | Callable[[str], object], timeout_s: float = 60.0) -> str:
        """The screen once it shows a text (or fulfils a condition)."""
        condition: Callable[[str], object] = (lambda text: what in text) if isinstance(what, str) else what
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            text = self.text()
            if condition(text):
                return text
            time.sleep(0.02)
        raise AssertionError(f"{what!r} did not appear within {timeout_s} s on:\n{self.text()}")

    def wait_for_bytes(self, what: bytes, timeout_s: float = 15.0) -> float:
        """When the output first held `what`, in seconds since the start; inf if it did not."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if (at := self.output.find(what)) >= 0:
                return next(when for when, size in self.times if size > at) - self.started
            time.sleep(0.002)
        return float("inf")

    def latency(self, keys: str, timeout_s: float = 2.0) -> float:
        """Seconds from a key to the first byte that it brings; the terminal must be quiet before."""
        before = self.size
        start = time.monotonic()
        self.send(keys)
        while self.size == before and time.monotonic() - start < timeout_s:
            time.sleep(0.0005)
        return next((when - start for when, size in self.times[-50:] if size > before and when >= start), float("inf"))

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal_number)

    def alive(self) -> bool:
        try:
            return os.waitpid(self.pid, os.WNOHANG) == (0, 0)
        except ChildProcessError:
            return False

    def close(self) -> None:
        self._closing = True
        self.kill()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        self._thread.join()  # its number may be the next terminal's, whose bytes it would take
        with contextlib.suppress(OSError):
            os.close(self.master)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Tmux:
    """The screens in a real tmux, on a server of its own; the same few methods as Terminal has."""

    def __init__(self, runs: Path, state: Path, columns: int = 80, rows: int = 24) -> None:
        self._tmux = ["tmux", "-L", f"steptune-test-{os.getpid()}-{time.monotonic_ns()}", "-f", "/dev/null"]
        program = [
            "env",
            f"STEPTUNE_RUNS={runs}",
            f"XDG_STATE_HOME={state}",
            "LANG=C.UTF-8",
            sys.executable,
            "-P",
            "-m",
            "tui",
        ]
        subprocess.run(
            [
                *self._tmux,
                "new-session",
                "-d",
                "-s",
                "s",
                "-x",
                str(columns),
                "-y",
                str(rows),
                "-c",
                str(REPOSITORY),
                *program,
            ],
            check=True,
        )
        self.pid = int(self._ask("list-panes", "-t", "s", "-F", "#{pane_pid}"))

    def _ask(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=False).stdout

    def send(self, *keys: str) -> None:
        """Keys by tmux's names: Enter, Escape, or a character."""
        self._ask("send-keys", "-t", "s", *keys)

    def resize(self, columns: int, rows: int) -> None:
        self._ask("resize-window", "-t", "s", "-x", str(columns), "-y", str(rows))

    def text(self) -> str:
        return self._ask("capture-pane", "-p", "-t", "s")

    def wait_for(self, what: str | Callable[[str], object], timeout_s: float = 30.0) -> str:
        condition: Callable[[str], object] = (lambda text: what in text) if isinstance(what, str) else what
        deadline = time.monotonic() + timeout_s
        while not condition(text := self.text()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what!r} did not appear within {timeout_s} s on:\n{text}")
            time.sleep(0.05)
        return text

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal_number)

    def __enter__(self) -> Tmux:
        return self

    def __exit__(self, *_: object) -> None:
        self._ask("kill-server")


def split_unfinished(data: bytes) -> tuple[bytes, bytes]:
    """What can be shown, and the beginning of a control sequence at its end: a read may end anywhere."""
    found = re.search(rb"\x1b(\[[0-?]*[ -/]*)?\Z", data)
    return (data[: found.start()], data[found.start() :]) if found else (data, b"")


def _without_private(data: bytes) -> bytes:
    """pyte does not know the private forms of the keyboard and synchronisation protocols."""
    return re.sub(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p", b"", data)


def screens(
    runs: Path,
    state: Path,
    *arguments: str,
    columns: int = 80,
    rows: int = 24,
    environment: dict[str, str] | None = None,
    emulate: bool = True,
) -> Terminal:
    """The screens over a runs folder, as `steptune` starts them."""
    variables = {"STEPTUNE_RUNS": str(runs), "XDG_STATE_HOME": str(state), **(environment or {})}
    return Terminal([sys.executable, "-P", "-m", "tui", *arguments], columns, rows, variables, emulate)
