"""Kill a generate run with SIGKILL at random moments, resume it each time, and compare with an unbroken run.

    python benchmarks/kill_moments.py --model DIR --data FILE --backend vllm --kills 20

The libraries are imported once; each attempt is a fork that runs the recipe's own `main`, so that a kill may fall into
loading, generating or writing. Every other kill comes after a random number of new answers, the others after a random
time: on a quick machine most of the time is loading. Prints one JSON object; benchmarks/generate.py and a slow test
read it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit.bundled import recipes_dir
from toolkit.generation.environment import set_engine_environment
from toolkit.records import read_growing_jsonl
from toolkit.runs.recipe import Run
from toolkit.runs.recorder import Recorder
from toolkit.settings import GenerateSettings


def main() -> int:
    arguments = _arguments()
    set_engine_environment()
    recipe = _import_all(arguments.backend)
    with tempfile.TemporaryDirectory(prefix="steptune-kill-") as scratch:
        print(json.dumps(_measure(recipe, arguments, Path(scratch))))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--backend", choices=("vllm", "transformers"), default="transformers")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--max-new-tokens", type=int, default=30)
    parser.add_argument("--seed", type=int, default=17)
    return parser.parse_args()


def _import_all(backend: str) -> Any:
    importlib.import_module("transformers.generation.utils")
    if backend == "vllm":
        importlib.import_module("vllm.v1.worker.cpu_worker")
    specification = importlib.util.spec_from_file_location("generate_recipe", recipes_dir() / "generate" / "run.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _measure(recipe: Any, arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    shared_before = set(os.listdir("/dev/shm"))
    _wait(_start(recipe, arguments, scratch / "warm-up"))
    started = time.monotonic()
    _wait(_start(recipe, arguments, scratch / "whole"))
    whole_s = time.monotonic() - started
    moments = random.Random(arguments.seed)
    answers_at_kills: list[int] = []
    finished: list[Path] = []
    while len(answers_at_kills) < arguments.kills:
        run_dir = scratch / f"run-{len(finished)}"
        child = _start(recipe, arguments, run_dir)
        if _killed(child, _due(moments, whole_s, run_dir / "partial.jsonl", len(answers_at_kills) % 2 == 1)):
            answers_at_kills.append(len(read_growing_jsonl(run_dir / "partial.jsonl")))
        else:
            finished.append(run_dir)
    last = scratch / f"run-{len(finished)}"
    _wait(_start(recipe, arguments, last))
    finished.append(last)
    whole = (scratch / "whole" / "predictions.jsonl").read_bytes()
    return {
        "kills": len(answers_at_kills),
        "runs": len(finished),
        "answers_at_each_kill": answers_at_kills,
        "rows": whole.count(b"\n"),
        "runs_with_other_bytes": sum((folder / "predictions.jsonl").read_bytes() != whole for folder in finished),
        "rows_repeated": sum(_repeated(folder) for folder in finished),
        "shared_memory_left": len(set(os.listdir("/dev/shm")) - shared_before),
    }


def _start(recipe: Any, arguments: argparse.Namespace, run_dir: Path) -> int:
    """Pid of a fork that runs the recipe."""
    run_dir.mkdir(exist_ok=True)
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        log = os.open(run_dir / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        generator = {
            "backend": arguments.backend,
            "dtype": "float32",
            "max_num_seqs": 4,
            "enforce_eager": True,
            "cpu_kv_cache_gib": 0.25,
        }
        settings = GenerateSettings.model_validate(
            {
                "model": arguments.model,
                "data": arguments.data,
                "max_new_tokens": arguments.max_new_tokens,
                "generator": generator,
            }
        )
        recipe.main(settings, Run(run_dir, Recorder(run_dir)))
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _due(moments: random.Random, whole_s: float, partial: Path, by_answers: bool) -> Callable[[], bool]:
    """Says when the moment to kill has come: after some more answers, or after some time."""
    if by_answers:
        enough = _answers(partial) + moments.randint(1, 8)
        return lambda: _answers(partial) >= enough
    deadline = time.monotonic() + moments.uniform(0.05, 0.95) * whole_s
    return lambda: time.monotonic() >= deadline


def _answers(partial: Path) -> int:
    return partial.read_bytes().count(b"\n") if partial.exists() else 0


def _killed(child: int, due: Callable[[], bool]) -> bool:
    """Kill an attempt when its moment has come; False if it was done before."""
    while not due():
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended and status:
            raise SystemExit(f"an attempt failed with status {status}")
        if ended:
            return False
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _wait(child: int) -> None:
    if status := os.waitpid(child, 0)[1]:
        raise SystemExit(f"an attempt failed with status {status}")


def _repeated(folder: Path) -> int:
    keys = [row["key"] for row in read_growing_jsonl(folder / "partial.jsonl")]
    return len(keys) - len(set(keys))


if __name__ == "__main__":
    sys.exit(main())
