"""Several engines side by side, each a process with its own GPUs (or its own cores) and a share of the requests."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from toolkit.errors import SteptuneError
from toolkit.generation.engine import Engine, EngineModel, Finished, Tick
from toolkit.generation.prompts import Request
from toolkit.generation.worker import job_line
from toolkit.options.generation import EngineOptions, SamplingOptions

TICK_EVERY_S = 0.5
END_GRACE_S = 10.0


@contextmanager
def parallel_engines(
    model: EngineModel,
    requests: list[Request],
    sampling: SamplingOptions,
    options: EngineOptions,
    gpus: list[str],
    check: list[Request] | None = None,
) -> Iterator[Engine]:
    """Engines that are up, each holding its share of `requests` (nothing else can be asked of them); all ended on
    leaving.

    Args:
        gpus: the machine's visible GPUs in CUDA_VISIBLE_DEVICES' spelling; none on CPU.
        check: requests that each engine answers greedily before it says that it is up.
    """
    group = _Group(model, requests, sampling, options, gpus, check or [])
    try:
        checked = group.wait_until_ready()
        yield Engine(lambda _wanted, tick: group.finished(tick), checked)
    finally:
        group.end()


def shares(requests: list[Request], count: int) -> list[list[Request]]:
    """The requests dealt out so that the shares have about the same work; requests come longest prompt first, each goes
    to the lightest share.
    """
    dealt: list[list[Request]] = [[] for _ in range(min(count, len(requests)))]
    work = [0] * len(dealt)
    for request in requests:
        lightest = work.index(min(work))
        dealt[lightest].append(request)
        work[lightest] += len(request.prompt_ids) + request.max_tokens
    return dealt


def worker_environment(number: int, count: int, options: EngineOptions, gpus: list[str]) -> dict[str, str]:
    """What tells one worker's hardware from the others': its GPUs, or its share of the cores."""
    if not gpus:
        cores = max(1, len(os.sched_getaffinity(0)) // count)
        return {"OMP_NUM_THREADS": str(cores)}
    each = options.gpus_each
    return {"CUDA_VISIBLE_DEVICES": ",".join(gpus[number * each : (number + 1) * each])}


class _Group:
    """The worker processes and what they say."""

    def __init__(
        self,
        model: EngineModel,
        requests: list[Request],
        sampling: SamplingOptions,
        options: EngineOptions,
        gpus: list[str],
        check: list[Request],
    ) -> None:
        self.shares = shares(requests, options.engines)
        self.replies: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
        self.processes: list[subprocess.Popen[str]] = []
        self.tokens = [0] * len(self.shares)
        for number, share in enumerate(self.shares):
            environment = {**os.environ, **worker_environment(number, len(self.shares), options, gpus)}
            command = [sys.executable, "-P", "-m", "toolkit.generation.worker"]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, encoding="utf-8"
            )
            self.processes.append(process)
            line = job_line(model, options, sampling, share, check)
            threading.Thread(target=self._converse, args=(number, process, line), daemon=True).start()

    def _converse(self, number: int, process: subprocess.Popen[str], job: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        # A worker that dies at once breaks the pipe, one that is killed leaves half a line: its exit is what is
        # reported.
        with contextlib.suppress(BrokenPipeError, ValueError):
            process.stdin.write(job)
            process.stdin.close()
            for line in process.stdout:
                self.replies.put((number, json.loads(line)))
        process.wait()
        self.replies.put((number, None))

    def wait_until_ready(self) -> list[list[list[int]]]:
        """The answers of each to the check requests."""
        waiting = set(range(len(self.processes)))
        checked: list[list[list[int]]] = []
        early: list[tuple[int, dict[str, Any] | None]] = []
        while waiting:
            number, reply = self.replies.get()
            self._require_alive(number, reply)
            if reply and reply.get("ready"):
                waiting.discard(number)
                checked.append(reply["checked"])
            else:
                early.append((number, reply))
        for item in early:
            self.replies.put(item)
        return checked

    def finished(self, tick: Tick) -> Iterator[Finished]:
        left = sum(map(len, self.shares))
        while left:
            try:
                number, reply = self.replies.get(timeout=TICK_EVERY_S)
            except queue.Empty:
                tick(sum(self.tokens))
                continue
            if reply is not None and "tokens" in reply:
                self.tokens[number] = reply["tokens"]
                tick(sum(self.tokens))
            elif reply is not None and "finished" in reply:
                left -= 1
                yield Finished(self.shares[number][reply["finished"]], reply["ids"], reply["finish_reason"])
            else:
                self._require_alive(number, reply)

    def _require_alive(self, number: int, reply: dict[str, Any] | None) -> None:
        """Raises SteptuneError for a worker that says why it gives up, or that is gone although answers are missing."""
        if reply is not None and "error" in reply:
            error = SteptuneError(reply["error"])
            error.kind, error.exit_code = reply["kind"], reply["exit_code"]
            raise error
        code = self.processes[number].poll()
        if reply is None and code != 0:
            raise SteptuneError(
                f"Engine {number + 1} of {len(self.processes)} ended with"
                f" {'signal' if code and code < 0 else 'exit code'} {abs(code or 0)}; the answers so far are kept, and"
                " `steptune resume` generates the rest. The log says why."
            )

    def end(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(END_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
