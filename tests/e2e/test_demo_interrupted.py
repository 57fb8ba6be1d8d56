"""The demo's own command, interrupted in every stage by Ctrl-C and given again, and given twice at once."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.e2e.test_chain import SHORT, STEPTUNE
from toolkit.catalog import STAGE_NAMES
from toolkit.machine.processes import tagged_with
from toolkit.run_folder.documents import EventName
from toolkit.run_folder.folder import RunFolder

pytestmark = [pytest.mark.slow, pytest.mark.long]
COMMAND = [STEPTUNE, "run", "pipeline", "--preset", "demo", *SHORT]


def test_ctrl_c_in_every_stage_and_the_same_command_again(tmp_path: Path) -> None:
    """Each start skips what earlier ones finished, and leaves no process when it is stopped."""
    for number, stage in enumerate(STAGE_NAMES):
        run, ids = stopped_in(stage, tmp_path, tmp_path / f"run{number}")
        assert run.state() == "cancelled"
        assert stages(run, EventName.STAGE_SKIPPED) == list(
            STAGE_NAMES[: max(0, number - 1)]
        )  # the one before ends here
        assert not [process for run_id in ids for process in tagged_with(run_id)]
    again = [*COMMAND, "--json", "--run-dir", str(tmp_path / "last")]
    done = subprocess.run(again, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    last = RunFolder(Path(json.loads(done.stdout)["run_dir"]))
    assert stages(last, EventName.STAGE_STARTED) == [STAGE_NAMES[-1]]


def test_two_demos_at_once_on_a_fresh_cache_end_alike(tmp_path: Path) -> None:
    """Same folder of runs, same cache: each waits for what the other is writing, and neither reads half of it."""
    environment = {**os.environ, "STEPTUNE_CACHE": str(tmp_path / "cache")}
    both = [
        subprocess.Popen([*COMMAND, "--json"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    documents = [json.loads(process.communicate(timeout=900)[0]) for process in both]
    assert [document["state"] for document in documents] == ["finished", "finished"]
    assert documents[0]["run_dir"] != documents[1]["run_dir"]
    assert documents[0]["results"]["comparisons"] == documents[1]["results"]["comparisons"]
    assert not [process for document in documents for process in tagged_with(document["id"])]


def stopped_in(stage: str, cwd: Path, folder: Path) -> tuple[RunFolder, set[str]]:
    """Start the demo on a terminal, press Ctrl-C once `stage` computes, and choose to stop; the run, and the ids of it
    and its stages.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(STEPTUNE, [*COMMAND, "--run-dir", str(folder)])
    run = RunFolder(folder)
    started = run.stage(stage)
    wait_for(lambda: drained(terminal) and any(event.name == EventName.STARTED for event in started.events()), 400)
    ids = {each.id for each in (run, *(run.stage(name) for name in STAGE_NAMES)) if each.exists()}
    os.write(terminal, b"\x03")
    seen = b""
    while b"[l]eave it going" not in seen:
        seen += os.read(terminal, 4096)
    os.write(terminal, b"s\n")
    _, status = wait_for(lambda: drained(terminal) and (found := os.waitpid(pid, os.WNOHANG))[0] and found, 120)
    assert os.waitstatus_to_exitcode(status) == 130
    os.close(terminal)
    return run, ids


def drained(terminal: int) -> bool:
    """Read what the command has written, so that it never waits for its terminal."""
    os.set_blocking(terminal, False)
    try:
        while os.read(terminal, 65536):
            pass
    except (BlockingIOError, OSError):
        pass
    os.set_blocking(terminal, True)
    return True


def stages(run: RunFolder, name: EventName) -> list[str]:
    return [event.fields["stage"] for event in run.events() if event.name == name]
