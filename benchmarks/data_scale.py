"""A build of many rows from JSONL to the split, with its time and memory: part of `make bench-data`, and a program of
its own.

    .venv/bin/python benchmarks/data_scale.py ROWS [PROCESSES]

Prints one JSON object. With two processes the row work is shared as under `--on cpu_2proc_ddp`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.data_samples import rows

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "data-build" / "run.py"


def build(source: Path, run_dir: Path, processes: int, **options: object) -> dict:
    """Seconds by phase, peak memory (resident, all processes added up) and the run folder of a build."""
    run_dir.mkdir(parents=True)
    config = {"sources": [{"type": "jsonl", "path": str(source), "name": "bench"}], **options}
    (run_dir / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    argv = [sys.executable, str(RECIPE), "--run-dir", str(run_dir)]
    limits = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"} if processes > 1 else {}
    started = time.monotonic()
    children = [
        subprocess.Popen(argv, env={**os.environ, **limits, "RANK": str(rank), "WORLD_SIZE": str(processes)})
        for rank in range(processes)
    ]
    peak = 0
    while any(child.poll() is None for child in children):
        peak = max(peak, sum(_resident(child.pid) for child in children))
        time.sleep(0.2)
    if any(child.returncode for child in children):
        raise SystemExit(f"the build in {run_dir} failed")
    return {
        "seconds": round(time.monotonic() - started, 1),
        "peak_gb": round(peak / 1e9, 2),
        "phases": _phases(run_dir),
    }


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _phases(run_dir: Path) -> dict[str, float]:
    """Seconds from each phase's first report to the next phase's; the last one's to the end."""
    first: dict[str, float] = {}
    for line in (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        first.setdefault(record["phase"], record["time"])
    ended = json.loads((run_dir / "events.jsonl").read_text(encoding="utf-8").splitlines()[-1])["time"]
    times = [*first.values(), ended]
    return {phase: round(times[at + 1] - times[at], 1) for at, phase in enumerate(first)}


def write_source(path: Path, count: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(count))
    return path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        source = write_source(Path(scratch) / "rows.jsonl", int(sys.argv[1]))
        print(json.dumps(build(source, Path(scratch) / "run", int(sys.argv[2]) if len(sys.argv) > 2 else 2)))
