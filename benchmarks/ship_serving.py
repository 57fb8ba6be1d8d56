"""Ask and serve against their bars: the first token of a loaded model, the memory of two systems, vLLM's server as
serve starts it against the same server started by hand, and what is left after kill -9.

    make bench-ship          (or: python benchmarks/ship_serving.py ask|serve|kills for a part)

The embedded model with a random adapter in a run folder made for it, two cores. Both servers load the same folder; they
take turns, each up alone, 32 requests of the bundled questions at once, greedy, each answer as long as its reference.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.report import finish

MODEL = "embedded:smollm2-135m-instruct"
FIRST_TOKEN = "ask: from Enter to the first token, loaded, the slowest of 10 (s)"
TWO_SYSTEMS = "ask: memory of two systems over that of the base alone, less the adapter (times)"
TOKENS = "serve: output tokens/s of 32 requests at once against raw vLLM's server (x)"
KILLED = "kill -9 of ask and serve: nothing half-written, no process, no port after 30 s"
QUESTIONS, ROUNDS, KILLS, GONE_AFTER_S = 10, 3, 20, 30.0
REQUESTS = 32
STEPTUNE = str(Path(sys.executable).with_name("steptune"))
ENGINE = ["generator.enforce_eager=true", "generator.cpu_kv_cache_gib=1", "generator.max_num_seqs=64"]
ENGINE += ["generator.max_model_len=1024"]


def main() -> int:
    wanted = sys.argv[1:] or list(PARTS)
    values: dict[str, float] = {}
    beside: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        run = make_run(Path(scratch))
        for part in wanted:
            more, details = PARTS[part](run)
            values, beside = values | more, beside | details
            print(json.dumps({"part": part, "values": more, "beside": details}), file=sys.stderr, flush=True)
    return finish("ship_serving", values, beside)


def make_run(scratch: Path) -> Path:
    """A finished training as a folder, whose adapter is random: what it answers does not matter here."""
    from tests.tui.sample_runs import make_run as folder_of_a_run
    from tests.unit.generation.conftest import make_adapter
    from toolkit.models import resolve_model
    from toolkit.records import write_json

    run = folder_of_a_run(scratch / "runs", "20261118-100000-sft-aaaa", config={"model": MODEL})
    make_adapter(run / "adapter", Path(resolve_model(MODEL)), training={"base_model": MODEL})
    outputs = {"adapter": {"path": "adapter"}}
    write_json(run / "result.json", {"state": "finished", "exit_code": 0, "outputs": outputs})
    os.environ["STEPTUNE_RUNS"] = str(scratch / "runs")
    return run


def questions() -> list[tuple[str, int]]:
    """Bundled questions, with about how many tokens their references have."""
    from toolkit.bundled import recipes_dir
    from toolkit.records import read_examples

    files = sorted((recipes_dir() / "sample" / "howto").glob("*.jsonl"))
    return [(row.prompt, max(8, len(row.output) // 4)) for path in files for row in read_examples(path)]


# ask -----------------------------------------------------------------------------------------------------------


def ask(run: Path) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Seconds by the clock of whoever asks, from the question to the first text; and the peak of both kinds of load."""
    first: list[float] = []
    loaded: dict[str, float] = {}
    for name in ("base alone", "both"):
        with _session(run, with_adapter=name == "both") as session:
            if name == "both":
                first = [_first_token_s(session, question) for question, _ in questions()[:QUESTIONS]]
            else:
                _first_token_s(session, questions()[0][0])
            loaded[name] = psutil.Process(session.pid).memory_info().rss
    adapter = (run / "adapter" / "adapter_model.safetensors").stat().st_size
    return (
        {FIRST_TOKEN: round(max(first), 3), TWO_SYSTEMS: round((loaded["both"] - adapter) / loaded["base alone"], 3)},
        {
            FIRST_TOKEN: {"all": [round(value, 3) for value in first], "median": round(statistics.median(first), 3)},
            TWO_SYSTEMS: {name: round(size / 2**30, 3) for name, size in loaded.items()} | {"adapter_bytes": adapter},
        },
    )


@contextmanager
def _session(run: Path, with_adapter: bool) -> Iterator[Any]:
    from toolkit.run_folder.folder import RunFolder
    from toolkit.runs.asking import AskSession
    from toolkit.runs.run_model import model_of

    options = model_of(RunFolder(run))
    with AskSession(options if with_adapter else options.model_copy(update={"adapter": None})) as session:
        for _ in session.load():
            pass
        yield session


def _first_token_s(session: Any, question: str) -> float:
    from toolkit.options.generation import SamplingOptions
    from toolkit.runs.ask_messages import Question
    from toolkit.runs.asking import new_id

    started = time.monotonic()
    session.ask(Question(new_id(), question, session.options.systems, SamplingOptions(max_new_tokens=12)))
    first: float | None = None
    for _ in session.answers():
        first = first or time.monotonic() - started
    return first or float("inf")


# serve ---------------------------------------------------------------------------------------------------------


def serve(run: Path) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """The same folder behind both servers, in turn."""
    speeds: dict[str, list[float]] = {"ours": [], "raw": []}
    with _ours(run) as (url, served):
        model = served / "model"
        speeds["ours"].append(_tokens_per_second(url))
    for number in range(2 * ROUNDS - 1):
        name = "raw" if number % 2 == 0 else "ours"
        with _raw(model) if name == "raw" else _again(run) as url:
            speeds[name].append(_tokens_per_second(url))
    speed = {name: statistics.median(found) for name, found in speeds.items()}
    shown = {name: [round(value, 1) for value in found] for name, found in speeds.items()}
    return {TOKENS: round(speed["ours"] / speed["raw"], 3)}, {TOKENS: {"tokens_per_second": shown}}


@contextmanager
def _ours(run: Path) -> Iterator[tuple[str, Path]]:
    port = _free_port()
    command = [STEPTUNE, "serve", str(run), "--detach", "--on", "cpu", "--port", str(port), *ENGINE]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    served = max((run.parent).glob("*-serve-*"), key=lambda path: path.stat().st_mtime)
    try:
        yield f"http://127.0.0.1:{port}", served
    finally:
        subprocess.run([STEPTUNE, "stop", str(served)], stdout=subprocess.DEVNULL, check=True)


@contextmanager
def _again(run: Path) -> Iterator[str]:
    with _ours(run) as (url, _served):
        yield url


@contextmanager
def _raw(model: Path) -> Iterator[str]:
    """vLLM's server by its own program with the same engine options, as somebody would start it by hand."""
    port = _free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--served-model-name", "tuned", "--host", "127.0.0.1", "--port", str(port), "--dtype", _dtype()]
    command += ["--max-model-len", "1024", "--max-num-seqs", "64", "--enforce-eager"]
    command += ["--kv-cache-memory-bytes", str(2**30), "--disable-uvicorn-access-log"]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    environment["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while not _is_up(f"http://127.0.0.1:{port}"):
            if process.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _dtype() -> str:
    from toolkit.generation.environment import choose_dtype

    return choose_dtype("auto")


def _tokens_per_second(url: str) -> float:
    """32 requests at once, twice: the first time warms up."""
    asked = questions()[:REQUESTS]
    for _ in range(2):
        started = time.monotonic()
        with ThreadPoolExecutor(REQUESTS) as pool:
            tokens = sum(pool.map(lambda row: _completion(url, *row), asked))
        seconds = time.monotonic() - started
    return tokens / seconds


def _completion(url: str, question: str, tokens: int) -> int:
    body = {"model": "tuned", "messages": [{"role": "user", "content": question}], "max_tokens": tokens}
    body |= {"temperature": 0, "ignore_eos": True}
    call = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(call, timeout=600) as response:
        return int(json.load(response)["usage"]["completion_tokens"])


# kills ---------------------------------------------------------------------------------------------------------


def kills(run: Path) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """kill -9 at random moments: of ask's command in one half, in the other of a random process of a server's run."""
    generator = random.Random(17)
    clean = sum(_ask_is_gone(run, generator.uniform(0.1, 12.0)) for _ in range(KILLS // 2))
    clean += sum(_serve_is_gone(run, generator) for _ in range(KILLS // 2))
    return {KILLED: clean}, {}


def _ask_is_gone(run: Path, after_s: float) -> bool:
    lines = "".join(f"{question}\n" for question, _ in questions()[:6])
    process = subprocess.Popen(
        [STEPTUNE, "ask", str(run), "--max-new-tokens", "24"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(lines)
    process.stdin.flush()
    time.sleep(after_s)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    gone = _wait(lambda: not any(map(_lives, family)))
    kept = run / "asked.jsonl"
    whole = not kept.exists() or all(json.loads(line)["answers"] for line in kept.read_text().splitlines())
    return gone and whole


def _serve_is_gone(run: Path, generator: random.Random) -> bool:
    from toolkit.machine.ports import port_problem
    from toolkit.machine.processes import tagged_with
    from toolkit.run_folder.folder import RunFolder

    port, folder = _free_port(), run.parent / f"killed-{generator.randrange(10**9)}"
    command = [STEPTUNE, "serve", str(run), "--on", "cpu", "--port", str(port), "--run-dir", str(folder), *ENGINE]
    follower = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait(lambda: (folder / "proc.json").exists())
    time.sleep(generator.uniform(0.5, 40.0))
    served = RunFolder(folder)
    family = [*tagged_with(served.id), *_supervisors(served)]
    if family:
        generator.choice(sorted(family, key=lambda process: process.pid)).kill()
    gone = _wait(lambda: not tagged_with(served.id) and port_problem("127.0.0.1", port) == "")
    follower.kill()
    follower.wait()
    state = served.state()
    return gone and not state.is_live and state.can_be_resumed is not False


def _supervisors(served: Any) -> list[psutil.Process]:
    from toolkit.machine.processes import find_process

    found = find_process(served.processes.supervisor)
    return [found] if found else []


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _wait(condition: Any) -> bool:
    deadline = time.monotonic() + GONE_AFTER_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return bool(condition())


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PARTS = {"ask": ask, "serve": serve, "kills": kills}

if __name__ == "__main__":
    sys.exit(main())
