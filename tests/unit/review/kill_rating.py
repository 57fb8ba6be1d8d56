"""Kill a rater with SIGKILL at random moments, again and again, and count acknowledged ratings that are not in the
file.

    python -m tests.unit.review.kill_rating PACKET KILLS

Prints `{"kills", "acknowledged", "lost"}`. The rater is a real `Session` in a process of its own; what it acknowledges
goes through a pipe, after `rate` has returned.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from toolkit.review.study.packet import Packet, read_packet
from toolkit.review.study.ratings import read_ratings
from toolkit.review.study.session import Session

LIVES_A_FILE = 25  # a new file then: reading a long one is most of the time


@dataclass
class Trials:
    """What became of the acknowledged ratings of all lives."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0


def kill_trials(packet: Packet, kills: int, seed: int = 1) -> Trials:
    generator, found = random.Random(seed), Trials()
    while found.kills < kills:
        packet.ratings_file.unlink(missing_ok=True)
        acknowledged: set[int] = set()
        for _ in range(min(LIVES_A_FILE, kills - found.kills)):
            acknowledged |= _one_life(packet, generator.uniform(0.0, 0.01))
            found.kills += 1
        entries = read_ratings(packet.ratings_file, packet.study, packet.rater, packet.sha256)
        found.acknowledged += len(acknowledged)
        found.lost += len(acknowledged - {entry["n"] for entry in entries})
    return found


def _one_life(packet: Packet, seconds: float) -> set[int]:
    """Numbers of the entries that a rater acknowledged before it was killed, that long after its first one."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _rate_until_killed(packet, write)
    os.close(write)
    data = os.read(read, 4096)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while chunk := os.read(read, 4096):
        data += chunk
    os.close(read)
    return {int(line) for line in data.split(b"\n")[:-1]}  # a torn number was no acknowledgement


def _rate_until_killed(packet: Packet, pipe: int) -> None:
    try:
        with Session(packet) as session:
            at = session.next_open() or 0
            while True:
                task = session.tasks[at % len(session.tasks)]
                if task.kind == "scores":
                    session.rate(
                        task, {criterion.name: 1 + at % 5 for criterion in packet.criteria}, comment="é" * (at % 40)
                    )
                elif task.kind == "rank":
                    session.rank(task, [1] * len(task.unit.answers))
                else:
                    session.guess(task, None)
                os.write(pipe, f"{session.values[task.identity]['n']}\n".encode())
                at += 1
    finally:
        os._exit(1)


if __name__ == "__main__":
    print(json.dumps(asdict(kill_trials(read_packet(Path(sys.argv[1])), int(sys.argv[2])))))
