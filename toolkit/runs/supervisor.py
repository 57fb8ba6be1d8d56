"""The small process that owns a run: starts the recipe, watches it, stops it when asked, and writes result.json last.

    python -P -m toolkit.runs.supervisor RUN_DIR [TOKEN]      (started by toolkit.runs.spawn)

Reads command.json. Holds run.lock for as long as it lives, in a session of its own, with output to log.txt; it has no
terminal to lose. It imports no machine-learning library. With the TOKEN of a claimed ticket it starts the recipe only
if it can use the ticket up, and when the run has ended it starts what waits in the queue of the runs folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

import psutil

from toolkit.errors import EXIT_CANCELLED, EXIT_DONE, EXIT_FAILED, Cancelled, OutOfMemoryError
from toolkit.machine.gpus import VISIBLE_VARIABLE
from toolkit.machine.hardware import sample
from toolkit.machine.processes import (
    become_subreaper,
    descendants,
    has_variable,
    identify,
    reap_orphans,
    send,
    tagged_with,
    wait_until_gone,
)
from toolkit.permissions import keep_others_from_writing
from toolkit.records import append_jsonl, read_json, sha256_tree, write_json
from toolkit.run_folder.documents import Command, Ended, EventName, Output, Processes, Result
from toolkit.run_folder.folder import RunFolder, lock_exclusively
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.states import State
from toolkit.runs.advance import advance, ended
from toolkit.runs.grace import KILL_GRACE_S, save_grace_s, term_grace_s
from toolkit.runs.notice import announce, body_of_queue, body_of_run
from toolkit.runs.stop_rule import StopRule
from toolkit.terminal.output import say_error

POLL_S = 0.25
SAMPLE_EVERY_S = 3.0
# Engines and data loaders of a recipe that ended well get this long to leave by themselves.
LEFTOVER_GRACE_S = 5.0
# Others may be starting runs at that moment.
NEXT_WAIT_S = 300.0


@dataclass
class _Watch:
    """What the supervisor learns while the recipe runs."""

    stop_asked: bool = False
    cut_short: bool = False  # asked a second time: nobody waits for the step under way
    seen: dict[int, psutil.Process] = field(default_factory=dict)
    peak_memory_gib: float = 0.0
    visible: str | None = None  # the run's CUDA_VISIBLE_DEVICES
    rule: StopRule | None = None
    ended_by_rule: str = ""  # why


def main() -> int:
    keep_others_from_writing()
    run, token = RunFolder(Path(sys.argv[1]).absolute()), (sys.argv[2:] or [""])[0]
    lock = lock_exclusively(run)
    if lock is None:
        say_error(f"steptune: the run {run.id} already has a supervisor.")
        return EXIT_FAILED
    with lock:
        is_mine = not token or _use_ticket(run, token)
        exit_code = _run(run) if is_mine else EXIT_DONE
    _start_the_next(run, is_mine)
    return exit_code


def _use_ticket(run: RunFolder, token: str) -> bool:
    """Whether this supervisor may start the recipe. Of several that think so the rename lets one alone pass."""
    try:
        os.rename(run.claimed_ticket_file(token), run.used_ticket_file)
    except FileNotFoundError:  # taken back
        return False
    return True


def _run(run: RunFolder) -> int:
    watch = _Watch(rule=StopRule.of(run))
    _catch_signals(watch)
    become_subreaper()
    log_start = _size(run.log_file)
    run.add_event(EventName.SUPERVISOR_STARTED, pid=os.getpid())
    started = time.time()
    try:
        child = _start_recipe(run, watch)
    except OSError as error:
        _write_result(
            run,
            Result(State.FAILED, EXIT_FAILED, f"The recipe could not be started: {error}.", "launch"),
            started,
            watch,
        )
        return EXIT_FAILED
    _watch_until_end(run, child, watch)
    _end_leftovers(run, child, watch)
    result = _judge(run, child.returncode, watch, log_start)
    _write_result(run, result, started, watch)
    return result.exit_code


def _start_the_next(run: RunFolder, has_ended: bool) -> None:
    """Of the queue of the runs folder that the run lies in, where there is one; then tell who wants to know."""
    queue = QueueFolder(run.path.parent, wait_s=NEXT_WAIT_S)
    try:
        advance(queue)
        if has_ended and not run.is_part:
            announce(run, body_of_run(run))
        if queue.exists() and (states := ended(queue)) is not None:
            announce(run, body_of_queue(queue.root, states))
    except Exception as error:  # whatever it is, this run has its result
        say_error(f"steptune: the queue could not be moved on ({error}); `steptune queue resume` does.")


def _catch_signals(watch: _Watch) -> None:
    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        watch.cut_short = watch.stop_asked
        watch.stop_asked = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _start_recipe(run: RunFolder, watch: _Watch) -> subprocess.Popen[bytes]:
    command = Command.from_json(read_json(run.command_file) or {})
    environment = {**os.environ, **command.environment}
    watch.visible = environment.get(VISIBLE_VARIABLE)
    with run.log_file.open("ab") as log:
        child = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_default_signals,
        )
    write_json(run.processes_file, Processes(identify(os.getpid()), identify(child.pid)).to_json())
    return child


def _default_signals() -> None:
    """Ignored signals are inherited; a recipe must hear SIGINT and SIGHUP as usual."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _watch_until_end(run: RunFolder, child: subprocess.Popen[bytes], watch: _Watch) -> None:
    """Sample until the recipe is over; on a stop request ask its group, wait, leave the rest to `_end_leftovers`."""
    next_sample = 0.0
    stop_deadline: float | None = None
    while True:
        ended = child.poll() is not None
        now = time.monotonic()
        if now >= next_sample and not ended:
            next_sample = now + SAMPLE_EVERY_S
            _sample(run, watch)
            _apply_rule(run, watch)
        if watch.stop_asked and stop_deadline is None:
            grace_s = save_grace_s(run)
            stop_deadline = now + grace_s
            run.add_event(EventName.STOP_ASKED, wait_s=round(grace_s, 1))
            _ask_to_save(child)
        reap_orphans(child.pid)
        # The launcher of a one-process run dies of the SIGTERM at once, while the trainer below it still saves.
        if ended and (stop_deadline is None or not descendants()):
            return
        if watch.cut_short:
            run.add_event(EventName.STOP_CUT_SHORT)
            return
        if stop_deadline is not None and now > stop_deadline:
            return
        _wait_for(child, POLL_S)


def _apply_rule(run: RunFolder, watch: _Watch) -> None:
    """End a run that loses in its sweep."""
    if watch.rule and not watch.stop_asked and (why := watch.rule.why_to_stop()):
        run.add_event(EventName.STOPPED_BY_RULE, message=why)
        watch.ended_by_rule, watch.stop_asked = why, True


def _wait_for(child: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Sleep, but no longer than the child lives."""
    if child.returncode is not None:
        time.sleep(timeout_s)
        return
    try:
        handle = os.pidfd_open(child.pid)
    except OSError:  # a kernel before 5.3
        time.sleep(timeout_s)
        return
    try:
        select.select([handle], [], [], timeout_s)
    finally:
        os.close(handle)


def _ask_to_save(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the recipe's group. Where torch elastic started several processes of it, they alone are asked: the
    agent itself would kill them 30 s after a signal, in the middle of a long step.
    """
    if workers := [process for process in descendants() if has_variable(process, "TORCHELASTIC_RUN_ID")]:
        send(workers, signal.SIGTERM)
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)


def _sample(run: RunFolder, watch: _Watch) -> None:
    processes = descendants()
    watch.seen.update({process.pid: process for process in processes})
    row = sample(processes, watch.visible)
    watch.peak_memory_gib = max(watch.peak_memory_gib, row["memory_gib"])
    with contextlib.suppress(OSError):  # a full disk must not end the run from here
        append_jsonl(run.hardware_file, row)


def _end_leftovers(run: RunFolder, child: subprocess.Popen[bytes], watch: _Watch) -> None:
    """End whatever the recipe left: first time to leave, then SIGTERM, then SIGKILL. No process of the run survives
    this.
    """
    if not watch.stop_asked:
        wait_until_gone(_leftovers(run, watch), LEFTOVER_GRACE_S)
    for signal_number, grace_s in ((signal.SIGTERM, term_grace_s(run)), (signal.SIGKILL, KILL_GRACE_S)):
        left = _leftovers(run, watch)
        if not left:
            break
        run.add_event(EventName.ENDING_LEFTOVERS, signal=signal_number.name, pids=[process.pid for process in left])
        send(left, signal_number)
        wait_until_gone(left, grace_s)
        reap_orphans(child.pid)
    child.wait()


def _leftovers(run: RunFolder, watch: _Watch) -> list[psutil.Process]:
    own = os.getpid()
    known = {process.pid: process for process in [*descendants(), *tagged_with(run.id)]}
    for pid, process in watch.seen.items():
        if process.is_running():  # by pid and start time
            known.setdefault(pid, process)
    return [
        process
        for pid, process in known.items()
        if pid != own and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]


def _judge(run: RunFolder, returncode: int, watch: _Watch, log_start: int) -> Result:
    """How the run ended, from the recipe's own last word, the exit status and the signal."""
    ended = _last_word(run)
    # Of several machines of a training the first one alone has the last word and the outputs.
    if returncode == 0 and run.leader != run:
        return Result(State.FINISHED, EXIT_DONE)
    if ended and ended.is_finished and (returncode == 0 or watch.stop_asked):
        outputs = _outputs(run, ended.outputs)
        return Result(
            State.FINISHED, EXIT_DONE, outputs=outputs, headline=ended.headline, worth_a_look=ended.worth_a_look
        )
    if watch.ended_by_rule:
        message = f"{watch.ended_by_rule} `steptune resume {run.id}` continues it."
        return Result(State.CANCELLED, EXIT_CANCELLED, message, EventName.STOPPED_BY_RULE)
    if watch.stop_asked or (ended and ended.kind == Cancelled.kind):
        return Result(State.CANCELLED, EXIT_CANCELLED, f"Stopped; `steptune resume {run.id}` continues it.")
    if ended and not ended.is_finished:
        state = State.OUT_OF_MEMORY if ended.kind == OutOfMemoryError.kind else State.FAILED
        return Result(state, ended.exit_code, ended.message, ended.kind)
    if name := _signal_name(run, returncode, log_start):
        message = f"The recipe was killed by {name}; `steptune resume {run.id}` continues from what it saved."
        return Result(State.FAILED, EXIT_FAILED, message, "signal", signal=name)
    message = f"The recipe ended with exit code {returncode} without a result; see `steptune logs {run.id}`."
    return Result(State.FAILED, EXIT_FAILED, message, "exit")


def _last_word(run: RunFolder) -> Ended | None:
    """The first `ended` event of this attempt: of several processes, the one that failed before it drew the others
    along.
    """
    first: Ended | None = None
    for event in reversed(run.events()):
        if event.name == EventName.SUPERVISOR_STARTED:
            break
        if event.name == EventName.ENDED:
            first = Ended.from_event(event)
    return first


def _signal_name(run: RunFolder, returncode: int, log_start: int) -> str | None:
    """The signal that ended the recipe: the child's own, or the one that accelerate or torch elastic reports of its
    worker.
    """
    if returncode < 0:
        return signal.Signals(-returncode).name
    with run.log_file.open("rb") as file:
        file.seek(log_start)
        text = file.read()[-65536:].decode("utf-8", "replace")
    if found := re.search(r"died with <Signals\.(SIG\w+)", text):
        return found.group(1)
    if found := re.search(r"exitcode\s*:\s*-(\d+)", text):
        return signal.Signals(int(found.group(1))).name
    return None


def _outputs(run: RunFolder, outputs: dict[str, str]) -> dict[str, Output]:
    return {name: Output(path, sha256_tree(run.path / path)) for name, path in outputs.items()}


def _write_result(run: RunFolder, result: Result, started: float, watch: _Watch) -> None:
    """result.json, last and whole. A full disk is waited out for a while: the run is over, its record should not be
    lost.
    """
    now = time.time()
    record = replace(
        result, seconds=round(now - started, 1), peak_memory_gib=watch.peak_memory_gib, ended_unix=round(now, 3)
    )
    for _attempt in range(60):
        try:
            write_json(run.result_file, record.to_json())
            return
        except Exception as error:
            say_error(f"steptune: result.json could not be written ({error}); trying again.")
            time.sleep(5)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
