"""The supervisor with real processes: how runs end, what is left of them, and who may die without touching them."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.conftest import wait_for
from toolkit.errors import UsageError
from toolkit.machine.processes import tagged_with
from toolkit.run_folder.config_values import edits_since_start
from toolkit.run_folder.documents import Output, Result
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import launch
from toolkit.runs.grace import END_GRACE_S, SAVE_GRACE_S, save_grace_s, stop_timeout_s
from toolkit.runs.stop import ask_to_stop, stop_notice, wait_until_ended

MakeRun = Callable[..., RunFolder]
FINISHES = """
    import json, pathlib
    run = pathlib.Path(RUN_DIR)
    (run / "out.txt").write_text("done")
    with (run / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": "ended", "kind": "finished", \
"outputs": {"out": "out.txt"}, "headline": {"rows": 3}}) + "\\n")
"""
WAITS = """
    import json, os, pathlib, time
    with (pathlib.Path(RUN_DIR) / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": "started", "pid": os.getpid()}) + "\\n")
    time.sleep(120)
"""
IGNORES_SIGTERM_AND_HIDES_A_CHILD = """
    import json, os, pathlib, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import os, signal, time; \
signal.signal(15, signal.SIG_IGN); os.setsid() if os.getsid(0) != os.getpid() else 0; time.sleep(300)"])
    with (pathlib.Path(RUN_DIR) / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": "started", "pid": os.getpid(), "child": child.pid}) + "\\n")
    time.sleep(300)
"""
IN_A_LONG_STEP = """
    import json, os, pathlib, signal, time
    asked = []
    def remember(*_):
        asked.append(1)
        (pathlib.Path(RUN_DIR) / f"asked-{len(asked)}").touch()
        if len(asked) == 2:
            os._exit(130)
    signal.signal(signal.SIGTERM, remember)
    with (pathlib.Path(RUN_DIR) / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": "started", "pid": os.getpid()}) + "\\n")
    while True:
        time.sleep(1)
"""
AGENT_WITH_A_WORKER = """
    import os, pathlib, signal, subprocess, sys
    run = pathlib.Path(RUN_DIR)
    signal.signal(signal.SIGTERM, lambda *_: (run / "agent-was-asked").touch())
    (run / "worker.py").write_text(
        "import os, pathlib, signal, time\\n"
        "run = pathlib.Path(__file__).parent\\n"
        "signal.signal(15, lambda *_: ((run / 'worker-saved').touch(), os._exit(130)))\\n"
        "(run / 'worker-is-up').touch()\\n"
        "time.sleep(300)\\n"
    )
    environment = {**os.environ, "TORCHELASTIC_RUN_ID": "none"}
    worker = [sys.executable, str(run / "worker.py")]
    sys.exit(subprocess.run(worker, env=environment, start_new_session=True).returncode)
"""


def start(run: RunFolder) -> None:
    launch.start_supervisor(run)


def wait_until_over(run: RunFolder, timeout_s: float = 40) -> Result:
    wait_for(lambda: run.state().is_ended, timeout_s)
    assert run.result is not None
    return run.result


def started_pid(run: RunFolder) -> int:
    event = wait_for(lambda: next((row for row in run.events() if row.name == "started"), None))
    return event.fields["pid"]


def test_a_finished_run_records_outputs_with_hashes(make_run: MakeRun) -> None:
    run = make_run(FINISHES)
    start(run)
    result = wait_until_over(run)
    assert (result.state, result.exit_code, result.headline) == ("finished", 0, {"rows": 3})
    assert result.outputs == {"out": Output("out.txt", hashlib.sha256(b"done").hexdigest())}


def test_a_crash_is_failed_with_the_exit_code_in_the_message(make_run: MakeRun) -> None:
    run = make_run("raise SystemExit(7)")
    start(run)
    result = wait_until_over(run)
    assert (result.state, result.exit_code) == ("failed", 1)
    assert "exit code 7" in result.message


def test_kill_9_of_the_recipe_is_recorded_with_its_signal_and_resume_continues(make_run: MakeRun) -> None:
    run = make_run(WAITS)
    start(run)
    os.kill(started_pid(run), signal.SIGKILL)
    result = wait_until_over(run)
    assert (result.state, result.signal) == ("failed", "SIGKILL")
    (run.path / "recipe.py").write_text(f"RUN_DIR = {str(run.path)!r}\n" + textwrap.dedent(FINISHES))
    run.config_file.write_text("seed: 2\n")
    with pytest.raises(UsageError, match=r"seed cannot change in the middle of .* or take the change out of .*config"):
        launch.resume(run)
    run.config_file.write_text("seed: 1\nlogging_steps: 5\n")
    assert launch.resume(run) == {"logging_steps": (None, 5)}
    assert run.state() in ("running", "finished")  # never lost, not even before its supervisor is up
    assert wait_until_over(run).state == "finished"
    assert (run.path / "result.1.json").exists()
    (resumed,) = [event for event in run.events() if event.name == "resumed"]
    assert resumed.fields["changed"] == {"logging_steps": [None, 5]}
    assert edits_since_start(run) == {}


def test_the_signal_of_a_worker_below_accelerates_launcher_is_found(make_run: MakeRun) -> None:
    run = make_run(
        'print("subprocess.CalledProcessError: Command x died with <Signals.SIGKILL: 9>."); raise SystemExit(1)'
    )
    start(run)
    assert wait_until_over(run).signal == "SIGKILL"


def test_stop_ends_a_recipe_and_a_child_in_its_own_session_that_both_ignore_sigterm(make_run: MakeRun) -> None:
    run = make_run(IGNORES_SIGTERM_AND_HIDES_A_CHILD)
    start(run)
    started_pid(run)
    assert len(tagged_with(run.id)) == 2
    ask_to_stop(run)
    assert wait_until_ended(run) == "cancelled"
    assert tagged_with(run.id) == []
    assert run.result is not None
    assert run.result.exit_code == 130


def test_stop_waits_for_the_step_under_way_and_a_second_stop_does_not(make_run: MakeRun) -> None:
    run = make_run(IN_A_LONG_STEP)
    run.add_metric(phase="train", done=3, total=9, eta_s=None, unit_s=100.0)
    start(run)
    started_pid(run)
    assert stop_notice(run).startswith("It saves when the step that it is in is done (steps took up to 1:40 so far).")
    ask_to_stop(run)
    asked = wait_for(lambda: next((row for row in run.events() if row.name == "stop_asked"), None))
    assert asked.fields["wait_s"] == SAVE_GRACE_S + 150.0
    wait_for(lambda: (run.path / "asked-1").exists())
    assert run.state() == "running"
    ask_to_stop(run)
    assert wait_until_ended(run) == "cancelled"
    assert [row.name for row in run.events() if row.name.startswith("stop_")] == ["stop_asked", "stop_cut_short"]
    assert tagged_with(run.id) == []


def test_of_several_processes_the_workers_are_asked_and_not_the_agent_that_would_kill_them(make_run: MakeRun) -> None:
    run = make_run(AGENT_WITH_A_WORKER)
    start(run)
    wait_for(lambda: (run.path / "worker-is-up").exists())
    ask_to_stop(run)
    assert wait_until_ended(run) == "cancelled"
    assert (run.path / "worker-saved").exists()
    assert not (run.path / "agent-was-asked").exists()


def test_a_pipeline_waits_for_the_step_of_its_stage_and_for_that_stages_supervisor(make_run: MakeRun) -> None:
    run, pipeline = make_run(WAITS), make_run(WAITS, recipe="pipeline")
    assert (save_grace_s(run), stop_notice(run)) == (SAVE_GRACE_S, "")
    for each in (run, pipeline):
        each.add_metric(stage="sft", phase="train", done=3, total=9, unit_s=40.0)
    assert save_grace_s(run) == SAVE_GRACE_S + 60.0
    assert save_grace_s(pipeline) == SAVE_GRACE_S + 60.0 + END_GRACE_S
    assert stop_timeout_s(pipeline) > save_grace_s(pipeline) + END_GRACE_S


def test_leftovers_of_a_recipe_that_ended_are_ended(make_run: MakeRun) -> None:
    run = make_run("""
        import subprocess, sys
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
        """)
    start(run)
    wait_until_over(run)
    assert tagged_with(run.id) == []


def test_sighup_and_sigint_to_the_supervisor_do_not_touch_the_run(make_run: MakeRun) -> None:
    run = make_run(WAITS)
    start(run)
    recipe = started_pid(run)
    supervisor = run.processes.supervisor.pid
    os.kill(supervisor, signal.SIGHUP)
    os.kill(supervisor, signal.SIGINT)
    assert run.state() == "running"
    assert psutil.pid_exists(recipe)
    ask_to_stop(run)
    wait_until_ended(run)


def test_a_run_whose_supervisor_was_killed_is_lost_and_stop_ends_what_is_left(make_run: MakeRun) -> None:
    run = make_run(WAITS)
    start(run)
    started_pid(run)
    os.kill(run.processes.supervisor.pid, signal.SIGKILL)
    wait_for(lambda: run.state() == "lost")
    with pytest.raises(UsageError, match="still alive"):
        launch.resume(run)
    ask_to_stop(run)
    assert run.state() == "cancelled"
    assert tagged_with(run.id) == []


def test_stop_of_a_finished_run_says_so(make_run: MakeRun) -> None:
    run = make_run(FINISHES)
    start(run)
    wait_until_over(run)
    with pytest.raises(UsageError, match="already ended \\(finished\\)"):
        ask_to_stop(run)


def test_a_second_supervisor_in_the_same_folder_does_nothing(make_run: MakeRun) -> None:
    run = make_run(WAITS)
    start(run)
    recipe = started_pid(run)
    second = subprocess.run(
        [sys.executable, "-m", "toolkit.runs.supervisor", str(run.path)], capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert "already has a supervisor" in second.stderr
    assert psutil.pid_exists(recipe)
    ask_to_stop(run)
    wait_until_ended(run)


def test_a_missing_interpreter_is_a_failed_run(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(FINISHES)
    command = run.path / "command.json"
    command.write_text(command.read_text().replace(sys.executable, str(tmp_path / "no-python")))
    start(run)
    result = wait_until_over(run)
    assert result.kind == "launch"
    assert "could not be started" in result.message
