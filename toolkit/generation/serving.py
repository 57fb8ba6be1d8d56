"""A model behind OpenAI's API: vLLM's own server, or the small one here without vLLM; watched until it is stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from toolkit.errors import PreflightError, SteptuneError
from toolkit.generation.choice import decided_for_serving
from toolkit.generation.engine import EngineModel
from toolkit.generation.environment import on_cpu
from toolkit.generation.prompts import Codec
from toolkit.generation.served_folder import QUESTIONS, make_served_folder, require_ids
from toolkit.generation.system import System, base_system, context_limit, load_codec, tuned_system
from toolkit.generation.vllm_engine import engine_arguments
from toolkit.machine.ports import port_problem
from toolkit.options.generation import AnswerOptions, EngineOptions
from toolkit.options.serving import KEY_VARIABLE, ServeOptions
from toolkit.run_folder.documents import EventName
from toolkit.runs.recorder import Recorder
from toolkit.web import BROKEN, answer_of, open_url

POLL_S = 0.5
HEALTH_EVERY_S = 30.0
HEALTH_TIMEOUT_S = 20.0
END_GRACE_S = 12.0
# Arguments of an engine that is handed token ids and generate's own parameters; a server has a tokenizer, the folder's
# own defaults, and its clients' parameters.
_NOT_FOR_SERVERS = (
    "skip_tokenizer_init",
    "generation_config",
    "disable_log_stats",
    "stream_interval",
    "logits_processors",
)


def serve(options: ServeOptions, run_dir: Path, recorder: Recorder) -> NoReturn:
    """Serve until the run is asked to stop.

    Raises:
        Cancelled: it was; no process is left, and the port is free.
        PreflightError: the port is in use, the key is missing, or memory does not suffice.
        ModelError: model or adapter cannot be used, or the server renders another prompt than the trained one.
        SteptuneError: the server ended by itself.
    """
    if problem := port_problem(options.host, options.port):
        raise PreflightError(problem)
    key = _key(options)
    engine = decided_for_serving(options, recorder)
    _require_apart(options, engine)
    system = _system(options, engine, recorder)
    codec = load_codec(system, options.prompt_format)
    folder = run_dir / "model"
    make_served_folder(folder, system, codec, AnswerOptions.of(options))
    with _server(_command(options, engine, system, folder), key) as server:
        started = time.monotonic()
        _wait_until_up(server, options, recorder)
        if engine.backend == "vllm":
            _require_the_trained_prompt(options, codec, key)
        recorder.event(
            EventName.SERVING,
            url=options.url,
            model=options.served_name,
            backend=engine.backend,
            seconds=round(time.monotonic() - started, 1),
        )
        _watch(server, options, recorder)


def _key(options: ServeOptions) -> str | None:
    """The key of the environment, which is only taken where it is asked for: what is open says so in its config."""
    key = os.environ.get(KEY_VARIABLE)
    if options.require_key and not key:
        raise PreflightError(
            f"require_key is set, and the environment has no {KEY_VARIABLE}; export it and start or resume again."
        )
    return key if options.require_key else None


def _require_apart(options: ServeOptions, engine: EngineOptions) -> None:
    """vLLM on a CPU applies a LoRA adapter to every row of a batch (toolkit.generation.vllm_engine), and in a server
    nobody keeps the base's requests out of it.
    """
    if options.adapter and engine.backend == "vllm" and engine.applies_adapter and on_cpu():
        raise PreflightError(
            "vLLM on a CPU mixes base and adapter where both are asked at once; serve the merged model"
            " (generator.quantization=none, generator.unmerged=false), or set generator.backend=transformers."
        )


def _system(options: ServeOptions, engine: EngineOptions, recorder: Recorder) -> System:
    in_nf4 = engine.weights == "nf4"
    if options.adapter is None:
        return base_system(options, recorder, in_nf4)
    return tuned_system(options, engine.applies_adapter, recorder, in_nf4, engine.backend == "transformers")


def _command(options: ServeOptions, engine: EngineOptions, system: System, folder: Path) -> list[str]:
    program = [sys.executable, "-P", "-m"]
    if engine.backend == "vllm":
        return [*program, "toolkit.generation.serve_vllm", *_vllm_arguments(options, engine, system, folder)]
    job = {
        "serve": options.model_dump(mode="json"),
        "engine": engine.model_dump(mode="json"),
        "folder": str(folder),
        "adapter": str(system.adapter) if system.unmerged else None,
        "context": context_limit(system, engine.max_model_len),
        "in_nf4": system.in_nf4,
    }
    return [*program, "toolkit.generation.serve_transformers", json.dumps(job)]


def _vllm_arguments(options: ServeOptions, engine: EngineOptions, system: System, folder: Path) -> list[str]:
    model = EngineModel(folder, options.trust_remote_code, system.lora_rank)
    given = engine_arguments(model, engine, engine.max_model_len or 0, on_cpu())
    given = {name: value for name, value in given.items() if name not in _NOT_FOR_SERVERS}
    given |= {} if engine.max_model_len else {"max_model_len": "auto"}  # as much of the model's as the memory holds
    lora = ["--lora-modules", f"tuned={system.adapter}"] if system.unmerged else []
    served = "baseline" if system.unmerged else options.served_name
    return [
        *(part for name, value in given.items() for part in _flag(name, value)),
        *("--host", options.host, "--port", str(options.port), "--served-model-name", served, *lora),
        "--disable-uvicorn-access-log",
    ]


def _flag(name: str, value: Any) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return []
    return [flag] if value is True else [flag, str(value)]


@contextmanager
def _server(command: list[str], key: str | None) -> Iterator[subprocess.Popen[bytes]]:
    """The server's process, which ends with this one; asked to end on leaving, and made to where it does not."""
    environment = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    # As vLLM's own server starts by itself: its engine in a process beside the one that talks.
    environment.pop("VLLM_ENABLE_V1_MULTIPROCESSING", None)
    environment |= {KEY_VARIABLE: key} if key else {}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_GRACE_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its engine as well
        process.wait()


def _wait_until_up(server: subprocess.Popen[bytes], options: ServeOptions, recorder: Recorder) -> None:
    looks = 0
    while not is_healthy(options.url, POLL_S):
        recorder.check_stop()
        _require_alive(server)
        if looks % 10 == 0:
            recorder.progress("load", 0, 0)
        looks += 1
        time.sleep(POLL_S)


def _watch(server: subprocess.Popen[bytes], options: ServeOptions, recorder: Recorder) -> NoReturn:
    """Until the run is asked to stop; the look at the server's health is a sign of work as well."""
    next_look = 0.0
    while True:
        recorder.check_stop()
        _require_alive(server)
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + HEALTH_EVERY_S
            if is_healthy(options.url, HEALTH_TIMEOUT_S):
                recorder.metric(phase=f"serving {options.served_name} at {options.url}", done=0, total=0)
            else:
                recorder.event(EventName.WARNING, message=f"{options.url}/health does not answer")
        time.sleep(POLL_S)


def _require_alive(server: subprocess.Popen[bytes]) -> None:
    if (code := server.poll()) is not None:
        raise SteptuneError(f"The server ended by itself (exit code {code}); its last lines are in the run's log.")


def is_healthy(url: str, timeout_s: float) -> bool:
    try:
        with open_url(f"{url}/health", timeout_s):
            return True
    except BROKEN:
        return False


def _require_the_trained_prompt(options: ServeOptions, codec: Codec, key: str | None) -> None:
    """The server itself tokenises some questions: what it would answer must be the trained prompt."""
    for question in QUESTIONS:
        body = {"model": options.served_name, "messages": [{"role": "user", "content": question}]}
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        call = urllib.request.Request(f"{options.url}/tokenize", json.dumps(body).encode(), headers)
        require_ids(question, answer_of(call, HEALTH_TIMEOUT_S)["tokens"], codec, "the server")
