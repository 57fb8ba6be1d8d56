"""One engine of several: takes a share of the requests on stdin, hands answers back on stdout as they end.

    python -P -m toolkit.generation.worker          (started by toolkit.generation.data_parallel)

Reads one JSON line (model folder, options, sampling, requests, check requests) and writes JSON lines: `ready` with the
answers to the check requests, `tokens` (generated so
far), `finished` (place of the request, ids, finish_reason), `error`. Dies with its parent.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO

from toolkit.errors import SteptuneError
from toolkit.generation.child import die_with_parent, keep_stdout_for_replies, say
from toolkit.generation.engine import EngineModel
from toolkit.generation.environment import set_engine_environment
from toolkit.generation.prompts import Request
from toolkit.options.generation import EngineOptions, SamplingOptions
from toolkit.records import JSON


def job_line(
    model: EngineModel,
    options: EngineOptions,
    sampling: SamplingOptions,
    requests: list[Request],
    check: list[Request],
) -> str:
    """The line that a worker reads."""
    job = {
        "model": {**asdict(model), "folder": str(model.folder)},
        "options": options.model_dump(mode="json"),
        "sampling": SamplingOptions.of(sampling).model_dump(mode="json"),
        "requests": [{**asdict(request), "prompt": ""} for request in requests],
        "check": [asdict(request) for request in check],
    }
    return json.dumps(job) + "\n"


def main() -> int:
    """Run the share; returns the exit code."""
    die_with_parent()
    replies = keep_stdout_for_replies()
    job = json.loads(sys.stdin.readline())
    model = EngineModel(**{**job["model"], "folder": Path(job["model"]["folder"])})
    options = EngineOptions.model_validate(job["options"])
    sampling = SamplingOptions.model_validate(job["sampling"])
    requests, check = _requests(job["requests"]), _requests(job["check"])
    set_engine_environment()
    try:
        _run(model, options, sampling, requests, check, replies)
    except SteptuneError as error:
        say(replies, error=str(error), kind=error.kind, exit_code=error.exit_code)
        return error.exit_code
    return 0


def _requests(rows: list[JSON]) -> list[Request]:
    return [Request(**{**row, "stop_ids": tuple(row["stop_ids"])}) for row in rows]


def _run(
    model: EngineModel,
    options: EngineOptions,
    sampling: SamplingOptions,
    requests: list[Request],
    check: list[Request],
    replies: IO[str],
) -> None:
    from toolkit.generation.local_engine import local_engine

    places = {id(request): place for place, request in enumerate(requests)}
    with local_engine(model, requests, sampling, options, check) as engine:
        say(replies, ready=True, checked=engine.checked[0])
        for finished in engine.generate(requests, lambda tokens: say(replies, tokens=tokens)):
            say(
                replies,
                finished=places[id(finished.request)],
                ids=finished.token_ids,
                finish_reason=finished.finish_reason,
            )


if __name__ == "__main__":
    sys.exit(main())
