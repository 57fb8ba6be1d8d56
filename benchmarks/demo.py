"""Time, memory and result of `make demo` without the installation, and the start-up times of the command line.

    make bench-demo

Runs the demo pipeline twice in a fresh runs folder (the second time every stage must be skipped), and lists 200 runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.report import finish
from toolkit.results.reading import find_results, read_results
from toolkit.run_folder.folder import RunFolder

STEPTUNE = str(Path(sys.executable).with_name("steptune"))
STARTS = 7


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        values = {**_pipeline(Path(scratch) / "runs"), **_start_up(Path(scratch) / "many")}
    return finish("demo", values)


def _pipeline(runs: Path) -> dict[str, float]:
    first_s, peak_gb, document = _run_pipeline(runs)
    print(json.dumps({"first": {"seconds": first_s, "state": document["state"]}}), file=sys.stderr)
    second_s, _, again = _run_pipeline(runs)
    events = (Path(again["run_dir"]) / "events.jsonl").read_text(encoding="utf-8")
    if document["state"] != "finished" or events.count('"stage_skipped"') != 5:
        raise SystemExit(
            f"the demo did not run as it should: first {document['state']}, {events.count('stage_skipped')} of 5 stages"
            " skipped in the second run"
        )
    return {
        **_result(RunFolder(Path(document["run_dir"]))),
        "pipeline, installation apart (minutes)": round(first_s / 60, 2),
        "peak memory of all processes (GB)": round(peak_gb, 2),
        "second run of the same pipeline, all stages skipped (s)": round(second_s, 2),
    }


def _result(run: RunFolder) -> dict[str, float]:
    """What the demo shows: the tuned model's format, its gain in content, and how often an answer goes wrong."""
    path = find_results(run)
    assert path is not None
    results = read_results(path)
    rows = {row.metric: row for row in results.comparisons if (row.a, row.b) == ("tuned", "baseline")}
    format_interval, content = rows["format_conformance"].ci95, rows["rouge_l"].above_floor
    assert format_interval is not None
    assert content is not None
    assert content.ci95 is not None
    return {
        "format conformance of the tuned model": round(
            results.systems["tuned"].metrics["format_conformance"].mean or 0, 3
        ),
        "difference in format conformance, lower end of its interval": round(format_interval[0], 3),
        "difference in ROUGE-L above the floor, lower end of its interval": round(content.ci95[0], 4),
        "tuned answers that repeat a step or do not end (share)": round(
            results.systems["tuned"].rates["repeats_or_unfinished"].share, 3
        ),
    }


def _run_pipeline(runs: Path) -> tuple[float, float, dict]:
    """Seconds, peak memory in GB (proportional set size of the whole process tree), and the run's JSON document."""
    environment = {**os.environ, "STEPTUNE_RUNS": str(runs), "HF_HUB_OFFLINE": "1"}
    started = time.monotonic()
    process = subprocess.Popen(
        [STEPTUNE, "run", "pipeline", "--preset", "demo", "--on", "cpu", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
    )
    memory = _PeakMemory(process.pid, runs)
    while process.poll() is None:
        memory.look()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
    seconds = time.monotonic() - started
    assert process.stdout is not None
    return seconds, memory.peak_gb, json.loads(process.stdout.read())


class _PeakMemory:
    """The peak of the command and of everything that carries this runs folder in its environment.

    A proportional set size takes the kernel a walk over every page while the process may not map any, so it is asked
    for only where the resident sizes together, which cost nothing, are higher than ever.
    """

    def __init__(self, pid: int, runs: Path) -> None:
        self.peak_gb = 0.0
        self._resident = 0
        self._mark = f"STEPTUNE_RUNS={runs}".encode()
        self._ours: dict[psutil.Process, bool] = {}
        self._command = pid

    def look(self) -> None:
        processes = [process for process in psutil.process_iter() if self._is_ours(process)]
        resident = sum(_read(process, lambda each: each.memory_info().rss) for process in processes)
        if resident > self._resident:
            self._resident = resident
            self.peak_gb = max(self.peak_gb, sum(_read(process, _proportional) for process in processes) / 1e9)

    def _is_ours(self, process: psutil.Process) -> bool:
        if process not in self._ours:
            self._ours[process] = process.pid == self._command or self._mark in _environment(process)
        return self._ours[process]


def _environment(process: psutil.Process) -> list[bytes]:
    try:
        return Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _proportional(process: psutil.Process) -> int:
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024


def _read(process: psutil.Process, what: Callable[[psutil.Process], int]) -> int:
    """0 for a process that has ended meanwhile."""
    try:
        return what(process)
    except (OSError, psutil.Error, StopIteration):
        return 0


def _start_up(runs: Path) -> dict[str, float]:
    for number in range(200):
        folder = runs / f"20260101-{number:06}-sft-{number:04x}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(
            json.dumps({"id": folder.name, "recipe": "sft", "created_unix": time.time() - number})
        )
        (folder / "result.json").write_text(
            json.dumps({"state": "finished", "exit_code": 0, "headline": {"eval_loss": 1.5}})
        )
        (folder / "metrics.jsonl").write_text(
            "".join(
                json.dumps({"step": step, "phase": "train", "done": step, "total": 500}) + "\n" for step in range(500)
            )
        )
    environment = {**os.environ, "STEPTUNE_RUNS": str(runs)}
    return {
        "steptune --help (s)": _median_s([STEPTUNE, "--help"], environment),
        "steptune runs with 200 runs (s)": _median_s([STEPTUNE, "runs"], environment),
    }


def _median_s(command: list[str], environment: dict[str, str]) -> float:
    times = []
    for _ in range(STARTS + 1):
        started = time.monotonic()
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        times.append(time.monotonic() - started)
    return round(statistics.median(times[1:]), 3)


if __name__ == "__main__":
    sys.exit(main())
