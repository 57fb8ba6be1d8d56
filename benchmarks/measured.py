"""A command measured from outside: how long it took, and the most memory that it and its children held."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import psutil

from toolkit.machine.hardware import sample

SAMPLE_EVERY_S = 0.2


@dataclass(frozen=True)
class Measured:
    """Seconds and peak of a command, or of its part up to a line of its output (the line included).

    `peak_gib` counts the pages that processes hold for themselves: files read through memory maps can be dropped.
    """

    seconds: float
    peak_gib: float
    output: str


def measure(command: list[str], environment: dict[str, str], log: Path) -> list[Measured]:
    """Run a command; one entry for each line of its output, with what it took since the line before, and one for the
    rest. Its standard error goes to `log`.

    Raises:
        SystemExit: it failed; what it wrote is on standard error.
    """
    peak = _Peak()
    started, parts = time.monotonic(), []
    with log.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, env={**environment, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        watcher = threading.Thread(target=peak.watch, args=(process.pid,))
        watcher.start()
        assert process.stdout is not None
        for line in chain(iter(process.stdout.readline, ""), [""]):
            now = time.monotonic()
            parts.append(Measured(round(now - started, 1), peak.take(), line))
            started = now
        process.wait()
        peak.ended.set()
        watcher.join()
    if process.returncode:
        print("".join(part.output for part in parts) + log.read_text(encoding="utf-8")[-4000:], file=sys.stderr)
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    return parts


def together(parts: list[Measured]) -> Measured:
    """A command as a whole."""
    return Measured(
        round(sum(part.seconds for part in parts), 1),
        max(part.peak_gib for part in parts),
        "".join(part.output for part in parts),
    )


class _Peak:
    """The largest sample since the last `take`."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.largest = 0.0

    def watch(self, pid: int) -> None:
        while not self.ended.wait(SAMPLE_EVERY_S):
            try:
                family = psutil.Process(pid)
                now = sample([family, *family.children(recursive=True)])["memory_gib"]
            except psutil.Error:
                return
            self.largest = max(self.largest, now)

    def take(self) -> float:
        largest, self.largest = self.largest, 0.0
        return largest
