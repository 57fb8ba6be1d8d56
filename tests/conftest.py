"""Shared by all tests: no hub, a runs folder of their own, and run folders with any command in place of a recipe."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("DS_ACCELERATOR", "cpu")
if (
    int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1
):  # tests side by side must not wait for each other's threads
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from toolkit.machine.processes import RUN_ID_VARIABLE, send, tagged_with
from toolkit.records import write_json
from toolkit.run_folder.create import create_run
from toolkit.run_folder.folder import RunFolder

WORKER_BYTES = 6 << 30  # a model and an engine beside the test itself

# The suite gives the same answer twice; HYPOTHESIS_PROFILE=explore looks for new examples. No deadline: machines
# differ.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty runs folder that the command line uses; whatever a test leaves running there is killed."""
    root = tmp_path / "runs"
    monkeypatch.setenv("STEPTUNE_RUNS", str(root))
    return root


@pytest.fixture
def make_run(runs: Path) -> Iterator[Callable[..., RunFolder]]:
    """Makes a run folder whose recipe is a Python script given as text; `RUN_DIR` in it is the run's folder."""
    made: list[RunFolder] = []

    def make(script: str, recipe: str = "sft", run_dir: Path | None = None) -> RunFolder:
        run = create_run(recipe, "seed: 1\n", run_dir)
        program = run.path / "recipe.py"
        program.write_text(f"RUN_DIR = {str(run.path)!r}\n{textwrap.dedent(script)}", encoding="utf-8")
        write_json(
            run.path / "command.json",
            {
                "argv": [sys.executable, str(program)],
                "cwd": str(run.path),
                "environment": {RUN_ID_VARIABLE: run.id},
                "on": "cpu",
            },
        )
        made.append(run)
        return run

    yield make
    for run in made:
        send(tagged_with(run.id), signal.SIGKILL)


def wait_for(condition: Callable[[], object], timeout_s: float = 60.0) -> object:
    """The condition's value once it is true; fails the test after the timeout."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not true within {timeout_s} s")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Half of their time the tests wait for a screen or a process: one worker more than there are cores, where memory
    allows.
    """
    return max(1, min((os.cpu_count() or 1) + 1, psutil.virtual_memory().total // WORKER_BYTES))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: of two workers none is left alone with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
