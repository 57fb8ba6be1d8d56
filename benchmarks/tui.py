"""The screens on a pseudo-terminal of this machine: paint, keys, CPU, bytes, memory, large files, survival, stopping,
hostile text.

    make bench-tui                      (.venv/bin/python benchmarks/tui.py [--only NAME ...] [--quick])

`--quick` makes the long rows shorter (10 s in place of 60, 10 trials in place of 100, 100 MB in place of 1 GB) to try
the benchmark itself; its numbers are no measurements.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)  # this folder has a tui.py, which would hide the package
from benchmarks.report import finish  # noqa: E402
from tests.tui.hostile import HOSTILE, forbidden_output, make_hostile  # noqa: E402
from tests.tui.sample_runs import make_many, make_run, metrics  # noqa: E402
from tests.tui.terminal import Terminal, screens  # noqa: E402
from toolkit.machine.processes import RUN_ID_VARIABLE, send, tagged_with  # noqa: E402
from toolkit.records import dump_line, write_json  # noqa: E402
from toolkit.run_folder.create import create_run  # noqa: E402
from toolkit.run_folder.folder import RunFolder  # noqa: E402
from toolkit.runs import launch  # noqa: E402

Values = dict[str, float]
BANNED = ("torch", "numpy", "pandas", "transformers", "datasets")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", choices=[part.__name__ for part in PARTS], default=[])
    args = parser.parse_args()
    values: Values = {}
    for part in PARTS:
        if args.only and part.__name__ not in args.only:
            continue
        with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
            found = part(Path(scratch), args.quick)
        print(json.dumps({part.__name__: found}), file=sys.stderr, flush=True)
        values |= found
    return finish("tui", values)


def first_paint(scratch: Path, quick: bool) -> Values:
    make_many(scratch / "runs", 200)
    newest = max(path.name for path in (scratch / "runs").iterdir())
    took, bare = [], []
    for attempt in range(6 if quick else 30):
        with screens(scratch / "runs", scratch / f"state{attempt}", emulate=False) as terminal:
            took.append(terminal.wait_for_bytes(newest.encode()))
        with Terminal([sys.executable, "-P", "-c", BARE], emulate=False) as terminal:
            bare.append(terminal.wait_for_bytes(b"a row of the table"))
    return {
        "first paint against a bare Textual app with one table of 200 rows, in turn (times)": _round(
            statistics.median(took) / statistics.median(bare)
        ),
        "first paint with 200 runs, p50 (s)": _round(statistics.median(took)),
        "first paint with 200 runs, p95 (s)": _round(_p95(took)),
    }


def key_latency(scratch: Path, quick: bool) -> Values:
    make_many(scratch / "runs", 200)
    log = make_run(scratch / "runs", "99990101-000000-sft-ffff", state="finished", log_lines=500) / "log.txt"
    with screens(scratch / "runs", scratch / "state", emulate=False) as terminal:
        terminal.wait_for_bytes(b"ffff")
        time.sleep(1.5)
        idle = _latencies(terminal, 20 if quick else 100, "jk")
        terminal.send("g")
        time.sleep(0.3)
        terminal.send("l")
        time.sleep(1.0)
        with _Writer(log, lines_per_s=200):
            time.sleep(1.0)
            busy = _latencies(terminal, 20 if quick else 100, "kj")
    return {
        "key to bytes, idle, p95 (ms)": _round(1000 * _p95(idle)),
        "key to bytes at 200 log lines/s, p95 (ms)": _round(1000 * _p95(busy)),
    }


def many_runs(scratch: Path, quick: bool) -> Values:
    """10,000 ended runs: all of them read at a first start, and at the next ones; filter and order by a number."""
    count = 1_000 if quick else 10_000
    _many_small_runs(scratch / "runs", count)
    shown = f"{count:,} runs"
    first, listed = _seconds_until_all_read(scratch, 0, shown), _seconds_of_the_command(scratch / "runs")
    opened = statistics.median(_seconds_until_all_read(scratch, number, shown) for number in range(1, 8))
    with screens(scratch / "runs", scratch / "state2", columns=120) as terminal:
        terminal.wait_for(shown)
        terminal.wait_for(lambda text: " read" not in text.splitlines()[1], 60)
        process = psutil.Process(terminal.pid)
        terminal.send("/")
        terminal.wait_for("state=running")
        terminal.send("eval_loss<1.")
        terminal.wait_for(" of " + shown)
        time.sleep(0.5)
        filtered = _until(terminal, "5", lambda text: f"{count // 2:,} of {shown}" in text)
        terminal.send("\r")
        time.sleep(0.3)
        terminal.send("o")
        terminal.wait_for("Order by")
        terminal.send("rouge_l")
        time.sleep(0.5)
        ordered = _until(terminal, "\r", lambda text: "by rouge_l" in text.splitlines()[1])
        used = process.memory_info().rss
    return {
        "10,000 runs: open, all of them read, p50 of 7 (s)": _round(opened),
        "10,000 runs: open for the first time, all of them read (s)": _round(first),
        "10,000 runs: steptune runs, p50 of 7 (s)": _round(listed),
        "10,000 runs: filter by a number (s)": _round(filtered),
        "10,000 runs: order by a number (s)": _round(ordered),
        "10,000 runs: memory (MiB)": _round(used / 2**20),
    }


def _seconds_until_all_read(scratch: Path, number: int, shown: str) -> float:
    """From the start of the program until the line above the list has nothing left to read."""
    start = time.monotonic()
    with screens(scratch / "runs", scratch / f"open{number}") as terminal:
        terminal.wait_for(lambda text: shown in text and " read" not in text.splitlines()[1], 60)
        return time.monotonic() - start


def _seconds_of_the_command(root: Path) -> float:
    took = []
    for _ in range(7):
        start = time.monotonic()
        done = subprocess.run(
            [Path(sys.executable).with_name("steptune"), "runs"],
            env={**os.environ, "STEPTUNE_RUNS": str(root)},
            capture_output=True,
            check=True,
        )
        took.append(time.monotonic() - start)
        assert done.stdout
    return statistics.median(took)


def _until(terminal: Terminal, keys: str, condition: Callable[[str], object]) -> float:
    """Seconds from the last key to the screen that it brings."""
    start = time.monotonic()
    terminal.send(keys)
    while not condition(terminal.text()):
        if time.monotonic() - start > 30:
            raise AssertionError(terminal.text())
        time.sleep(0.005)
    return time.monotonic() - start


def _many_small_runs(root: Path, count: int) -> None:
    """Ended runs with what the list reads of them, half of them with a loss below 1.5."""
    now = time.time()
    for index in range(count):
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now - index * 60))
        path = root / f"{stamp}-sft-{index:04x}"
        path.mkdir(parents=True)
        (path / "run.json").write_text(
            json.dumps({"id": path.name, "recipe": "sft", "created_unix": now - index * 60, "model": "a/model"})
        )
        headline = {"eval_loss": 1.0 + (index % 100) / 100, "rouge_l": (index * 7919 % 1000) / 1000}
        ended = {"state": "finished", "exit_code": 0, "headline": headline, "seconds": 60.0 + index % 600}
        (path / "result.json").write_text(json.dumps(ended))
        (path / "config.yaml").write_text(f"learning_rate: {(1 + index % 5) * 1e-4}\nlora_r: 16\n")
        row = {"time": now, "phase": "train", "done": 60, "total": 60, "step": 60, "loss": 1.2}
        (path / "metrics.jsonl").write_text(dump_line(row))


def following(scratch: Path, quick: bool) -> Values:
    values: Values = {}
    for columns, rows in ((80, 24), (160, 48)):
        folder = scratch / f"{columns}"
        run = make_run(
            folder / "runs", "99990101-000000-sft-ffff", state=None, steps=100, total=400, created=time.time()
        )
        lock = _hold(run)
        with screens(folder / "runs", folder / "state", columns=columns, rows=rows, emulate=False) as terminal:
            terminal.wait_for_bytes(b"ffff")
            terminal.send("\r")
            time.sleep(3)
            process = psutil.Process(terminal.pid)
            with _Trainer(run, 100, 400):
                time.sleep(2)
                start, cpu, size = time.monotonic(), _cpu(process), terminal.size
                time.sleep(8 if quick else 40)
                seconds = time.monotonic() - start
                values[f"CPU while following, {columns}x{rows} (%)"] = _round(100 * (_cpu(process) - cpu) / seconds)
                values[f"bytes while following, {columns}x{rows} (kB/s)"] = _round(
                    (terminal.size - size) / seconds / 1000
                )
        lock.close()
    return values


def memory(scratch: Path, quick: bool) -> Values:
    make_many(scratch / "runs", 200)
    run = make_run(scratch / "runs", "99990101-000000-generate-ffff", "generate", headline={})
    _big_log(run / "log.txt", 100 if quick else 1000)
    _many_rows(run / "predictions.jsonl", 100_000)
    result = json.loads((run / "result.json").read_text())
    write_json(
        run / "result.json", {**result, "outputs": {"predictions": {"path": "predictions.jsonl", "sha256": "0"}}}
    )
    with screens(scratch / "runs", scratch / "state", columns=160, rows=48) as terminal:
        terminal.wait_for("ffff")
        time.sleep(2)
        process = psutil.Process(terminal.pid)
        plain = process.memory_info().rss
        terminal.send("\r")
        time.sleep(2)
        terminal.send("O")
        terminal.wait_for("100000 rows")
        terminal.send("G")
        terminal.wait_for("row-99999")
        terminal.send("\x1b")
        time.sleep(0.7)
        terminal.send("l")
        terminal.wait_for(lambda text: re.search(r"\d{6,} lines", text), 30)
        terminal.send("g")
        time.sleep(1)
        terminal.send("G")
        time.sleep(1)
        large = process.memory_info().rss
    return {
        "memory (MiB)": _round(plain / 2**20),
        "memory with a 1 GB log and 100,000 rows (MiB)": _round(large / 2**20),
    }


def large_files(scratch: Path, quick: bool) -> Values:
    from tui.logic.jsonl_rows import JsonlRows
    from tui.logic.log_file import LogFile

    path = scratch / "log.txt"
    _big_log(path, 100 if quick else 1000)
    start = time.monotonic()
    log = LogFile(path)
    log.refresh()
    tail = log.tail(48)
    tail_s = time.monotonic() - start
    start = time.monotonic()
    while log.extend(48 << 20):
        pass
    index_s = time.monotonic() - start
    assert len(tail) == 48
    assert log.lines(log.line_count - 1, 1)[0].startswith("line ")
    _many_rows(scratch / "rows.jsonl", 100_000)
    start = time.monotonic()
    rows = JsonlRows(scratch / "rows.jsonl")
    rows.extend()
    shown = [rows.row(index) for index in range(99_950, 100_000)]
    rows_s = time.monotonic() - start
    assert shown[-1]["id"] == "row-99999"
    return {
        "1 GB log: tail (ms)": _round(1000 * tail_s),
        "1 GB log: index (s)": _round(index_s),
        "100,000 rows: open (s)": _round(rows_s),
    }


def fast_log(scratch: Path, quick: bool) -> Values:
    """10,000 lines a second: the newest line must be on the screen soon after it was written, to the end."""
    run = make_run(scratch / "runs", "99990101-000000-sft-ffff", state=None, created=time.time())
    lock = _hold(run)
    with screens(scratch / "runs", scratch / "state", columns=160, rows=48) as terminal:
        terminal.wait_for("ffff")
        terminal.send("l")
        time.sleep(1)
        lags = []
        with _Writer(run / "log.txt", lines_per_s=10_000) as writer:
            end = time.monotonic() + (6 if quick else 60)
            while time.monotonic() < end:
                time.sleep(1.0)
                shown = [int(number) for number in re.findall(r"written line (\d+)", terminal.text())]
                lags.append((writer.written - max(shown, default=0)) / 10_000)
        rate = writer.written / (6 if quick else 60)
        terminal.wait_for(f"written line {writer.written - 1}", 5)
    lock.close()
    return {
        "10,000 log lines/s for 60 s: newest line on the screen after, p95 (s)": _round(_p95(lags)),
        "10,000 log lines/s: written (lines/s)": round(rate),
    }


def survival(scratch: Path, quick: bool) -> Values:
    """The screens are hung up, killed and stalled while they show a live run; the run must not notice."""
    run = _start_run(scratch / "runs", "import time\ntime.sleep(3600)\n")
    try:
        return _survival_trials(scratch, quick, run)
    finally:
        send(tagged_with(run.id), signal.SIGKILL)


def _survival_trials(scratch: Path, quick: bool, run: RunFolder) -> Values:
    before = _identity(run)
    draft_kept = 0
    trials = 12 if quick else 100
    untouched = 0
    for trial in range(trials):
        state = scratch / f"state{trial}"
        terminal = screens(scratch / "runs", state, emulate=False)
        terminal.wait_for_bytes(run.id.encode())
        terminal.send(random.choice(("\r", "l", "j")))
        time.sleep(random.uniform(0.05, 0.4))
        kind = trial % 3
        if kind == 2:
            terminal.reading = False
            time.sleep(0.5)
        terminal.kill((signal.SIGHUP, signal.SIGKILL, signal.SIGKILL)[kind])
        terminal.close()
        untouched += run.state() == "running" and _identity(run) == before
    for trial in range(4 if quick else 10):  # a change in the form, then kill -9: the draft holds it
        state = scratch / f"draft{trial}"
        terminal = screens(scratch / "runs", state)
        _type_a_change(terminal)
        terminal.close()
        drafts = [json.loads(path.read_text()) for path in (state / "steptune").glob("draft-*.json")]
        draft_kept += any(draft["changes"].get("seed") == "171" for draft in drafts)
    return {
        "SIGHUP, kill -9, stalled terminal: runs untouched (% of 100 trials)": 100 * untouched / trials,
        "kill -9 while filling the form: change kept (%)": 100 * draft_kept / (4 if quick else 10),
    }


def stopping(scratch: Path, quick: bool) -> Values:
    """A recipe that ignores SIGTERM and hides a child is stopped from the keyboard."""
    run = _start_run(scratch / "runs", STUBBORN)
    with screens(scratch / "runs", scratch / "state") as terminal:
        terminal.wait_for(run.id)
        terminal.send("\r")
        terminal.wait_for("esc Back")
        terminal.send("c")
        terminal.wait_for("Stop " + run.id)
        start = time.monotonic()
        terminal.send("y")
        while run.result is None and time.monotonic() - start < 60:
            time.sleep(0.1)
        took = time.monotonic() - start
        terminal.wait_for("cancelled", 5)
    left = len(tagged_with(run.id))
    send(tagged_with(run.id), signal.SIGKILL)
    return {"stop of a recipe that ignores SIGTERM (s)": _round(took), "processes left after a stop": left}


def hostile_text(scratch: Path, quick: bool) -> Values:
    """Hostile strings in every file of a run, on every screen."""
    crashes = raw = 0
    corpus = HOSTILE[::4] if quick else HOSTILE
    for index, text in enumerate(corpus):
        runs = scratch / f"{index}"
        make_hostile(runs, text)
        with screens(runs, scratch / f"state{index}") as terminal:
            terminal.wait_for("2 runs", 10)
            for keys in (
                "\r",
                "v",
                "\x1b",
                "i",
                "\x1b",
                "O",
                "\x1b",
                "l",
                "/",
                "a\r",
                "\x1b",
                "\x1b",
                " ",
                " ",
                "=",
                "m",
                "\x1b",
                "5",
                "\r",
                "\r",
                "\x1b",
                "\x1b",
                "2",
                "1",
                "e",
                "\x1b",
                "?",
                "\x1b",
                "\x10",
                "run\x1b",
                "6",
                "1",
                "o",
                "\x1b",
                "C",
                "\x1b",
                "t",
                "\x1b",
                "*",
                "D",
                "y",
                "v",
                "\x1b",
                "7",
                "8",
            ):
                terminal.send(keys)
                time.sleep(0.08)
            time.sleep(0.3)
            crashes += not terminal.alive()
            raw += forbidden_output(bytes(terminal.output), text)
    return {
        "hostile strings on every screen: crashes": crashes,
        "hostile strings on every screen: raw controls sent": raw,
    }


def imports(scratch: Path, quick: bool) -> Values:
    """Machine-learning libraries in the process after every screen was imported."""
    modules = [
        f"tui.{path.relative_to(HERE.parent / 'tui').with_suffix('').as_posix().replace('/', '.')}"
        for path in (HERE.parent / "tui").rglob("*.py")
        if path.stem not in ("__init__", "__main__")
    ]
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\nprint(sum(name in sys.modules"
        f" for name in {BANNED!r}))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    return {"machine-learning libraries imported": int(done.stdout)}


PARTS: tuple[Callable[[Path, bool], Values], ...] = (
    first_paint,
    key_latency,
    many_runs,
    following,
    memory,
    large_files,
    fast_log,
    survival,
    stopping,
    hostile_text,
    imports,
)

BARE = """
from textual.app import App
from textual.widgets import DataTable

class Bare(App):
    def compose(self):
        yield DataTable()

    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("state", "run", "progress", "loss", "time", "age")
        for number in range(200):
            table.add_row("finished", f"a row of the table {number}", "step 24", "1.7", "3:12", "2 h")

Bare().run()
"""

STUBBORN = """
import os, signal, subprocess, sys, time  # noqa: E402
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import os, signal, time; signal.signal(15, signal.SIG_IGN); \
os.setsid(); time.sleep(600)"])
time.sleep(600)
"""


class _Writer:
    """Appends to a log at a rate, from a thread."""

    def __init__(self, path: Path, lines_per_s: int) -> None:
        self.path, self.rate = path, lines_per_s
        self.written = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def _write(self) -> None:
        start = time.monotonic()
        with self.path.open("a", encoding="utf-8") as file:
            while not self._stop.is_set():
                due = int((time.monotonic() - start) * self.rate)
                file.write(
                    "".join(
                        f"written line {number} of a training log with a usual length of its lines\n"
                        for number in range(self.written, due)
                    )
                )
                file.flush()
                self.written = max(self.written, due)
                self._stop.wait(0.05)

    def __enter__(self) -> _Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


class _Trainer:
    """Writes what a training run writes: a metrics line and three log lines a second, a sample every two seconds."""

    def __init__(self, run: Path, done: int, total: int) -> None:
        self.run, self.done, self.total = run, done, total
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._train, daemon=True)

    def _train(self) -> None:
        rows = metrics(self.total, self.total, time.time(), 1)
        for row in rows[self.done :]:
            with (self.run / "metrics.jsonl").open("a") as file:
                file.write(dump_line(row))
            with (self.run / "log.txt").open("a") as file:
                file.write(
                    "".join(
                        f"{{'loss': {row['loss']:.4f}, 'grad_norm': {row['grad_norm']:.4f}, part {part}}}\n"
                        for part in range(3)
                    )
                )
            if row["step"] % 2 == 0:
                with (self.run / "hardware.jsonl").open("a") as file:
                    file.write(
                        dump_line(
                            {
                                "time": time.time(),
                                "cpu_percent": 60 + random.random(),
                                "memory_gib": 3 + random.random() / 10,
                                "memory_free_gib": 19.0,
                            }
                        )
                    )
            if self._stop.wait(1.0):
                return

    def __enter__(self) -> _Trainer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _start_run(root: Path, script: str) -> RunFolder:
    """A supervised run whose recipe is a script."""
    os.environ["STEPTUNE_RUNS"] = str(root)
    run = create_run("sft", "seed: 1\n")
    (run.path / "recipe.py").write_text(
        f"import json, os\nwith open({str(run.events_file)!r}, 'a') as file:\n   "
        f" file.write(json.dumps({{'event': 'started', 'pid': os.getpid()}}) + '\\n')\n{script}",
        encoding="utf-8",
    )
    write_json(
        run.command_file,
        {
            "argv": [sys.executable, str(run.path / "recipe.py")],
            "cwd": str(run.path),
            "environment": {RUN_ID_VARIABLE: run.id},
            "on": "cpu",
        },
    )
    launch.start_supervisor(run)
    assert launch.wait_until_started(run, 20)
    return run


def _identity(run: RunFolder) -> Any:
    processes = run.processes
    found = [one is not None and psutil.pid_exists(one.pid) for one in (processes.supervisor, processes.child)]
    return processes, found, [event.name for event in run.events()]


def _type_a_change(terminal: Terminal) -> None:
    terminal.wait_for("1 Runs")
    time.sleep(0.5)
    terminal.send("2")
    terminal.wait_for("demo")
    terminal.send("gjjjjjj\r")
    terminal.wait_for("preset demo", 10)
    terminal.send("/")
    terminal.wait_for("part of an option's name", 5)
    terminal.send("seed\r")
    time.sleep(0.4)
    terminal.send("\r")
    time.sleep(0.4)
    terminal.send("1")
    terminal.wait_for("seed=171", 5)
    time.sleep(0.3)


def _hold(run: Path) -> Any:
    import fcntl

    file = (run / "run.lock").open("ab")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _big_log(path: Path, megabytes: int) -> None:
    block = "".join(
        f"line {number:>9} of a log with lines of an ordinary length, as trainers write them\n"
        for number in range(13_000)
    ).encode()[: 1 << 20]
    block = block[: block.rfind(b"\n") + 1]
    with path.open("wb") as file:
        written = 0
        while written < megabytes * 1_000_000:
            written += file.write(block)


def _many_rows(path: Path, count: int) -> None:
    with path.open("w") as file:
        for index in range(count):
            file.write(
                json.dumps(
                    {
                        "id": f"row-{index}",
                        "prompt": f"How do I do thing number {index}?",
                        "output": "1. Open the app.\n2. Do it.",
                        "finish_reason": "stop",
                    }
                )
                + "\n"
            )


def _latencies(terminal: Terminal, count: int, keys: str) -> list[float]:
    found = []
    for index in range(count):
        quiet = terminal.size
        for _ in range(40):  # a key is measured from a quiet terminal
            time.sleep(0.03)
            if terminal.size == quiet:
                break
            quiet = terminal.size
        found.append(terminal.latency(keys[index % len(keys)]))
    return found


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(0.95 * len(values)) - 1)]


def _round(value: float) -> float:
    return float(f"{value:.3g}")


if __name__ == "__main__":
    sys.exit(main())
