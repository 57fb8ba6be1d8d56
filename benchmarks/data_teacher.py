"""The teacher client against a loopback server with 20 % faults: accounted for, nothing paid twice after kill -9,
overhead.

python benchmarks/data_teacher.py
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)
from benchmarks.report import finish  # noqa: E402
from toolkit.data.teacher.synthesis_prompts import SYSTEM, HowTo  # noqa: E402
from toolkit.data.teacher.teacher import Ask, Teacher  # noqa: E402
from toolkit.data.teacher.teacher_ledger import AnswerLedger  # noqa: E402
from toolkit.options.teacher import TeacherOptions  # noqa: E402
from toolkit.runs.recorder import Recorder  # noqa: E402

ASKS = 1500


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        return _measure(Path(folder))


def _measure(folder: Path) -> int:
    calm, faulty = _server(folder, 0.0), _server(folder, 0.2)
    try:
        with AnswerLedger(folder / "speed.jsonl", "bench") as ledger:
            asked = _teacher(calm[0], ledger)
            asked.ask_all(_asks(20, "warm up"), "warm up")
            cpu_s, wall_s = time.process_time(), time.monotonic()
            asked.ask_all(_asks(ASKS, "speed"), "ask")
            per_cpu_s, per_s = ASKS / (time.process_time() - cpu_s), ASKS / (time.monotonic() - wall_s)
        killed = subprocess.Popen([sys.executable, __file__, "--child", faulty[0], str(folder / "answers.jsonl")])
        while (
            not (folder / "answers.jsonl").exists() or (folder / "answers.jsonl").read_text().count('"answered"') < 200
        ):
            time.sleep(0.05)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        with AnswerLedger(folder / "answers.jsonl", "bench") as ledger:
            in_flight = sum(call.state == "sent" for call in ledger.calls.values())
            replies = _teacher(faulty[0], ledger).ask_all(_asks(600), "ask")
        sent = Counter(json.loads(line)["key"] for line in (folder / "log").read_text().splitlines())
    finally:
        for _, server in (calm, faulty):
            server.kill()
    accounted = sum((reply.value is not None) or bool(reply.reason) for reply in replies)
    values = {
        "teacher: asks valid or accounted for with 20 % faults (%)": 100 * accounted / len(replies),
        "teacher: calls sent twice after kill -9": float(sum(count - 1 for count in sent.values())),
        "teacher: requests per second of client CPU time": round(per_cpu_s, 1),
    }
    beside: dict[str, dict[str, float]] = {
        "teacher: asks valid or accounted for with 20 % faults (%)": {
            "valid": sum(reply.value is not None for reply in replies),
            "of": len(replies),
        },
        "teacher: calls sent twice after kill -9": {"in flight at the kill": in_flight},
        "teacher: requests per second of client CPU time": {
            "per second on the clock, server on the same cores": round(per_s, 1)
        },
    }
    return finish("data_teacher", values, beside)


def _server(folder: Path, faults: float) -> tuple[str, subprocess.Popen[bytes]]:
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
        str(folder / "log"),
        "--hang-s",
        "3",
    ]
    server = subprocess.Popen(argv)
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return f"http://127.0.0.1:{port}/v1", server
        time.sleep(0.05)


def _asks(count: int, topic: str = "thing") -> list[Ask]:
    return [
        Ask(f"{topic} {number}", SYSTEM, f"Domain: devices\nTask: set up {topic} {number}", HowTo)
        for number in range(count)
    ]


def _teacher(url: str, ledger: AnswerLedger) -> Teacher:
    options = TeacherOptions(
        model="m", base_url=url, api_key_env=None, concurrency=32, timeout_s=2.0, price_in=1.0, price_out=2.0
    )
    return Teacher(options, ledger, str, Recorder(None), first_pause_s=0.05)


if __name__ == "__main__":
    if "--child" in sys.argv:
        with AnswerLedger(Path(sys.argv[3]), "bench") as own_ledger:
            _teacher(sys.argv[2], own_ledger).ask_all(_asks(600), "ask")
        sys.exit(0)
    sys.exit(main())
