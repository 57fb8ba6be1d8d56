"""Proof that what answers computes what base + adapter compute.

The reference (toolkit.generation.reference) runs in a process of its own, in the served precision, and is gone with its
memory before an engine starts. It measures a merged model by its logits, and leaves rows on which the engine itself is
measured once it is up (toolkit.generation.served_check).

    python -P -m toolkit.generation.proof          (started by `with_proof`)

Reads one JSON line (system, prompts, precision) and writes JSON lines: `done` of `total` rows, then `measured`,
`nothing` or `error`.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from toolkit.errors import SteptuneError
from toolkit.generation.child import die_with_parent, keep_stdout_for_replies, say
from toolkit.generation.environment import set_engine_environment
from toolkit.generation.measured import Measured
from toolkit.generation.merge_folder import PROOF_FILE
from toolkit.generation.reference import NothingToProve, measure
from toolkit.generation.system import System
from toolkit.options.generation import EngineOptions
from toolkit.records import JSON
from toolkit.runs.recorder import Recorder

POLL_S = 0.3
_PATHS = ("folder", "adapter", "base_dir")


def with_proof(
    system: System,
    prompts: list[str],
    prompt_format: str,
    rows: int,
    options: EngineOptions,
    run_dir: Path,
    recorder: Recorder,
) -> System:
    """The system with what was measured of it, now or by an earlier run on as many rows in the same precision.

    A merged model keeps it in its folder, others in the run's.

    Raises:
        Cancelled: asked to stop while it is measured.
        SteptuneError: the measuring process failed.
    """
    if rows == 0 or system.base_dir is None or system.adapter is None or system.merge_mode is None:
        return system
    backend, dtype = options.backend, options.precision
    kept = (run_dir if system.unmerged else system.folder) / PROOF_FILE
    measured = Measured.read(kept, dtype, min(rows, len(prompts)))
    if measured is None:
        if system.unmerged and backend == "transformers":
            recorder.event("proof_left_out", reason="the transformers backend answers with base + adapter themselves")
            return system
        if find_spec("peft") is None:
            recorder.event("proof_left_out", reason="PEFT is not installed for this interpreter")
            return system
        try:
            measured = _in_own_process(system, prompts[:rows], prompt_format, dtype, recorder)
        except NothingToProve as nothing:
            recorder.event("proof_left_out", reason=str(nothing))
            return system
        measured.write(kept)
    if measured.proof is not None:
        recorder.event("proof", **asdict(measured.proof))
    return replace(system, measured=measured)


def _in_own_process(system: System, prompts: list[str], prompt_format: str, dtype: str, recorder: Recorder) -> Measured:
    command = [sys.executable, "-P", "-m", "toolkit.generation.proof"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    job = {"system": _to_json(system), "prompts": prompts, "prompt_format": prompt_format, "dtype": dtype}
    replies: queue.Queue[JSON | None] = queue.Queue()
    threading.Thread(target=_converse, args=(process, json.dumps(job) + "\n", replies), daemon=True).start()
    try:
        return _wait(process, replies, recorder)
    finally:
        process.kill()
        process.wait()


def _converse(process: subprocess.Popen[str], job: str, replies: queue.Queue[JSON | None]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(job)
        process.stdin.close()
        for line in process.stdout:
            replies.put(json.loads(line))
    except (BrokenPipeError, ValueError):
        pass  # its exit is what is reported
    replies.put(None)


def _wait(process: subprocess.Popen[str], replies: queue.Queue[JSON | None], recorder: Recorder) -> Measured:
    while True:
        recorder.check_stop()
        try:
            reply = replies.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if reply is None:
            code = process.wait()
            raise SteptuneError(
                f"The process that measures the tuned model ended with {'signal' if code < 0 else 'exit code'}"
                f" {abs(code)}; the log says why. `steptune resume` tries again; proof_rows=0 leaves the measuring out."
            )
        if "measured" in reply:
            return Measured.from_json(reply["measured"])
        if "nothing" in reply:
            raise NothingToProve(reply["nothing"])
        if "error" in reply:
            error = SteptuneError(reply["error"])
            error.kind, error.exit_code = reply["kind"], reply["exit_code"]
            raise error
        recorder.progress("proof", reply["done"], reply["total"])


def _to_json(system: System) -> JSON:
    values = {name: getattr(system, name) for name in System.__dataclass_fields__ if name not in ("server", "measured")}
    return {**values, **{name: str(values[name]) for name in _PATHS if values[name] is not None}}


def _from_json(values: dict[str, Any]) -> System:
    return System(**{**values, **{name: Path(values[name]) for name in _PATHS if values[name] is not None}})


def main() -> int:
    """Measure; returns the exit code."""
    die_with_parent()
    replies = keep_stdout_for_replies()
    job = json.loads(sys.stdin.readline())
    set_engine_environment()
    system = _from_json(job["system"])
    try:
        measured = measure(
            system,
            job["prompts"],
            job["prompt_format"],
            job["dtype"],
            progress=lambda done, total: say(replies, done=done, total=total),
        )
    except NothingToProve as nothing:
        say(replies, nothing=str(nothing))
    except SteptuneError as error:
        say(replies, error=str(error), kind=error.kind, exit_code=error.exit_code)
        return error.exit_code
    else:
        say(replies, measured=measured.to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
