"""One engine of several: takes a share of the requests on stdin, hands answers back on stdout as they end.

    python -P -m toolkit.generation.worker          (started by toolkit.generation.data_parallel)

Reads one JSON line (model folder, options, sampling, requests) and writes JSON lines: `ready`, `tokens` (generated so
far), `finished` (place of the request, ids, finish_reason), `error`. Dies with its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from toolkit.errors import SteptuneError
from toolkit.generation.engine import EngineModel
from toolkit.generation.environment import set_engine_environment
from toolkit.generation.prompts import Request
from toolkit.options.generation import EngineOptions, SamplingOptions

_PR_SET_PDEATHSIG = 1


def job_line(model: EngineModel, options: EngineOptions, sampling: SamplingOptions, requests: list[Request]) -> str:
    """The line that a worker reads."""
    rows = [{**asdict(request), "prompt": ""} for request in requests]
    job = {
        "model": {**asdict(model), "folder": str(model.folder)},
        "options": options.model_dump(mode="json"),
        "sampling": SamplingOptions.of(sampling).model_dump(mode="json"),
        "requests": rows,
    }
    return json.dumps(job) + "\n"


def main() -> int:
    """Run the share; returns the exit code."""
    _die_with_parent()
    replies = _keep_stdout_for_replies()
    job = json.loads(sys.stdin.readline())
    model = EngineModel(**{**job["model"], "folder": Path(job["model"]["folder"])})
    options = EngineOptions.model_validate(job["options"])
    sampling = SamplingOptions.model_validate(job["sampling"])
    requests = [Request(**{**row, "stop_ids": tuple(row["stop_ids"])}) for row in job["requests"]]
    set_engine_environment()
    try:
        _run(model, options, sampling, requests, replies)
    except SteptuneError as error:
        _say(replies, error=str(error), kind=error.kind, exit_code=error.exit_code)
        return error.exit_code
    return 0


def _run(
    model: EngineModel, options: EngineOptions, sampling: SamplingOptions, requests: list[Request], replies: IO[str]
) -> None:
    from toolkit.generation.local_engine import local_engine

    places = {id(request): place for place, request in enumerate(requests)}
    with local_engine(model, requests, sampling, options) as generate:
        _say(replies, ready=True)
        for finished in generate(requests, lambda tokens: _say(replies, tokens=tokens)):
            _say(
                replies,
                finished=places[id(finished.request)],
                ids=finished.token_ids,
                finish_reason=finished.finish_reason,
            )


def _die_with_parent() -> None:
    """A parent that is killed cannot end its workers; the kernel does (Linux)."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent or parent == 1:
        sys.exit(1)


def _keep_stdout_for_replies() -> IO[str]:
    """Libraries print to stdout; from here on that goes to stderr."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return replies


def _say(replies: IO[str], **values: Any) -> None:
    replies.write(json.dumps(values) + "\n")
    replies.flush()


if __name__ == "__main__":
    sys.exit(main())
