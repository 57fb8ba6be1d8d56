"""The screens in a real pseudo-terminal and in tmux: start a run from the keyboard, lose the program, come back, stop
the run.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.conftest import wait_for
from tests.tui.sample_runs import make_many
from tests.tui.terminal import Terminal, Tmux, screens
from toolkit.machine.processes import send, tagged_with
from toolkit.run_folder.find import list_runs
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import launch

pytestmark = pytest.mark.slow
MakeRun = Callable[..., RunFolder]
WORKS = """
    import json, os, pathlib, signal, sys, time
    run = pathlib.Path(RUN_DIR)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    def add(name, row):
        with (run / name).open("a") as file:
            file.write(json.dumps(row) + "\\n")
    add("events.jsonl", {"event": "started", "pid": os.getpid()})
    for step in range(1, 2000):
        add("metrics.jsonl", {"step": step, "loss": 3 - step / 1000, "phase": "train", "done": step, "total": 2000})
        print("step", step, flush=True)
        time.sleep(0.1)
        if stop:
            add("events.jsonl", {"event": "ended", "kind": "cancelled", "message": "asked", "exit_code": 130})
            sys.exit(130)
"""


@pytest.fixture
def live(make_run: MakeRun) -> RunFolder:
    """A supervised run that trains for minutes and stops when asked."""
    run = make_run(WORKS)
    launch.start_supervisor(run)
    assert launch.wait_until_started(run, 20)
    return run


def open_screens(runs: Path, tmp_path: Path, *arguments: str) -> Terminal:
    return screens(runs, tmp_path / "state", *arguments)


def test_a_run_is_followed_lost_found_again_and_stopped(live: RunFolder, runs: Path, tmp_path: Path) -> None:
    with open_screens(runs, tmp_path) as terminal:
        terminal.wait_for(live.id)
        terminal.send("\r")
        terminal.wait_for("step ")
        terminal.kill(signal.SIGKILL)
    assert live.state() == "running"
    with open_screens(runs, tmp_path) as terminal:
        terminal.wait_for(live.id)
        terminal.send("\r")
        terminal.wait_for("esc Back")
        terminal.send("c")
        terminal.wait_for(f"Stop {live.id}")
        terminal.send("\r")  # No is the default
        time.sleep(0.5)
        assert live.state() == "running"
        terminal.send("c")
        terminal.wait_for(f"Stop {live.id}")
        terminal.send("y")
        terminal.wait_for("■ cancelled", 40)
        assert live.state() == "cancelled"
        assert tagged_with(live.id) == []


def test_a_recipe_is_launched_from_the_keyboard(runs: Path, tmp_path: Path) -> None:
    with screens(runs, tmp_path / "state", columns=100, rows=30) as terminal:
        terminal.wait_for("There are no runs in")
        terminal.send("2")
        terminal.wait_for("data-build")
        terminal.send("gjjjjjj\r")
        terminal.wait_for("preset demo")
        terminal.send("/")
        terminal.wait_for("part of an option's name")
        terminal.send("seed\r")
        time.sleep(0.4)
        terminal.send("\r")
        time.sleep(0.4)
        terminal.send("1\r")
        terminal.wait_for("seed=171")
        terminal.send("p")
        terminal.wait_for("ready: L launches")
        terminal.send("L")
        terminal.wait_for("data-build", 20)
        run = wait_for(lambda: next(iter(list_runs(runs)), None))
        assert isinstance(run, RunFolder)
        wait_for(lambda: run.state().is_ended, 60)
        assert (run.state(), run.result and run.result.message) == ("finished", "")
        terminal.wait_for("! finished", 10)  # a few rows are worth a look
        assert "seed: 171" in (run.path / "config.yaml").read_text()
        terminal.send("q")
        wait_for(lambda: not terminal.alive(), 5)
    assert not list((tmp_path / "state" / "steptune").glob("draft-*.json"))


def test_the_config_goes_through_the_editor_and_back(runs: Path, tmp_path: Path) -> None:
    with screens(runs, tmp_path / "state", environment={"EDITOR": "sed -i 's/^seed: 17/seed: 5/'"}) as terminal:
        terminal.wait_for("There are no runs in")
        terminal.send("2")
        terminal.wait_for("data-build")
        terminal.send("gjjjjjj\r")
        terminal.wait_for("preset demo")
        terminal.send("\x05")
        terminal.wait_for("data-build --preset demo seed=5")
        terminal.wait_for("1 changed")


@pytest.mark.parametrize("signal_number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_losing_the_program_does_not_touch_a_run(
    live: RunFolder, runs: Path, tmp_path: Path, signal_number: int
) -> None:
    before = live.processes
    with open_screens(runs, tmp_path) as terminal:
        terminal.wait_for(live.id)
        terminal.kill(signal_number)
        wait_for(lambda: not terminal.alive(), 5)
    assert live.processes == before
    assert live.state() == "running"
    assert before.child is not None
    assert psutil.pid_exists(before.child.pid)


def test_a_terminal_that_stops_reading_does_not_hold_the_run(live: RunFolder, runs: Path, tmp_path: Path) -> None:
    with open_screens(runs, tmp_path) as terminal:
        terminal.wait_for(live.id)
        terminal.send("l")
        terminal.wait_for("following the end")
        terminal.reading = False
        size = (live.path / "log.txt").stat().st_size
        time.sleep(2)
        assert (live.path / "log.txt").stat().st_size > size


def test_leaving_says_which_runs_go_on(live: RunFolder, runs: Path, tmp_path: Path) -> None:
    with open_screens(runs, tmp_path) as terminal:
        terminal.wait_for(live.id)
        terminal.send("q")
        text = terminal.wait_for("1 run goes on")
        assert f"steptune logs -f {live.id}" in text
    assert live.state() == "running"


def test_a_dumb_terminal_gets_plain_text(runs: Path, tmp_path: Path) -> None:
    with screens(runs, tmp_path / "state", environment={"TERM": "dumb"}) as terminal:
        terminal.wait_for("steptune runs")
        assert b"\x1b" not in bytes(terminal.output)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tui"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert (done.returncode, "steptune logs -f RUN" in done.stdout) == (0, True)


def test_no_color_and_ascii_on_a_real_terminal(runs: Path, tmp_path: Path) -> None:
    make_many(runs, 3)
    with screens(
        runs,
        tmp_path / "state",
        environment={"NO_COLOR": "1", "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ) as terminal:
        terminal.wait_for("finished")
        terminal.send("\r")
        terminal.wait_for("checkpoint at step")
        sent = bytes(terminal.output)
    assert sent.isascii()
    assert b"38;2;" not in sent
    assert b"48;2;" not in sent


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_in_tmux_a_run_survives_the_session_and_another_size(live: RunFolder, runs: Path, tmp_path: Path) -> None:
    with Tmux(runs, tmp_path / "state") as tmux:
        tmux.wait_for(live.id)
        tmux.send("Enter")
        tmux.wait_for("c Stop")
        tmux.resize(160, 48)
        tmux.wait_for(lambda text: len(text.splitlines()) >= 40 and "K Checkpoint" in text and live.id in text)
    assert live.state() == "running"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_in_tmux_a_training_is_launched_lost_reattached_and_stopped(runs: Path, tmp_path: Path) -> None:
    """The whole way of a person with a real training: New, launch, kill -9 of the screens, start them again, stop the
    run.
    """
    with Tmux(runs, tmp_path / "state") as tmux:
        tmux.wait_for("There are no runs in")
        tmux.send("2")
        tmux.wait_for("fast")
        listed = [text.split() for text in tmux.text().splitlines()[2:]]
        sft = next(index for index, words in enumerate(listed) if words[:1] == ["sft"])
        demo = next(index for index, words in enumerate(listed) if index > sft and words[:1] == ["demo"])
        tmux.send("g", *["j"] * demo, "Enter")
        tmux.wait_for("sft  preset demo")
        tmux.send("p")
        tmux.wait_for("ready: L launches", 60)
        tmux.send("L")
        tmux.wait_for("● running", 60)
        run = list_runs(runs)[0]
        assert run.id in tmux.text()
        before = run.processes
        tmux.kill(signal.SIGKILL)
        wait_for(lambda: not psutil.pid_exists(tmux.pid))
    try:
        assert (run.recipe, run.state(), run.processes) == ("sft", "running", before)
        with Tmux(runs, tmp_path / "state") as tmux:
            tmux.wait_for(run.id)
            tmux.send("Enter")
            tmux.wait_for("K Checkpoint")
            assert "● running" in tmux.text()
            tmux.send("c")
            tmux.wait_for(f"Stop {run.id}")
            tmux.send("y")
            tmux.wait_for("■ cancelled", 60)
        assert run.state() == "cancelled"
        assert [event.name for event in run.events()].count("stop_asked") == 1
        wait_for(lambda: not tagged_with(run.id))
    finally:
        send(tagged_with(run.id), signal.SIGKILL)
