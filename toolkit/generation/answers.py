"""Answer the requests of one or several systems with one engine, every answer on disk as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from toolkit.generation.engine import Engine, EngineModel, Finished, Generate
from toolkit.generation.environment import device_name, on_cpu
from toolkit.generation.journal import Answer, Journal
from toolkit.generation.memory import require_memory
from toolkit.generation.prompts import Codec, Request
from toolkit.generation.served_check import Served, check_requests, compare_served, require_served, sure_from
from toolkit.generation.system import System
from toolkit.machine.gpus import my_gpus
from toolkit.options.generation import EngineOptions, SamplingOptions
from toolkit.runs.recorder import LOADING, Recorder


@dataclass(frozen=True)
class Job:
    """One system's share of the work: its requests, and where their answers go; the guard's items are a second one."""

    system: System
    codec: Codec
    requests: list[Request]
    journal: Journal


@dataclass(frozen=True)
class Throughput:
    """What this process generated. `tokens_per_second` leaves the start-up out; None when nothing was missing.

    `first_token_s` counts from the engine's start, `systems` is the number of systems that shared the engine, `served`
    what it answered to the rows that tell whether it serves the tuned model.
    """

    startup_s: float = 0.0
    first_token_s: float = 0.0
    generate_s: float = 0.0
    answers: int = 0
    output_tokens: int = 0
    systems: int = 1
    served: Served | None = None

    @property
    def tokens_per_second(self) -> float | None:
        return round(self.output_tokens / self.generate_s, 2) if self.generate_s else None


def answer_requests(
    jobs: list[Job], sampling: SamplingOptions, options: EngineOptions, recorder: Recorder
) -> Throughput:
    """Generate what the journals lack. All jobs' systems have the same model folder.

    Raises:
        Cancelled: asked to stop; the engine is shut down, and the answers so far are kept.
        PreflightError: the backend is not installed, or memory does not suffice.
        ModelError: the engine does not serve the tuned model.
    """
    missing = {request.key: (request, job) for job in jobs for request in job.journal.missing(job.requests)}
    answered = sum(request.key in job.journal.answers for job in jobs for request in job.requests)
    if answered:
        recorder.event("resumed", answers=answered, missing=len(missing))
    if not missing:
        return Throughput(systems=_systems(jobs))
    recorder.check_stop()
    requests = sorted(
        (request for request, _ in missing.values()), key=lambda request: len(request.prompt_ids), reverse=True
    )
    started = time.monotonic()
    check = _check_requests(jobs)
    recorder.begin(LOADING)
    with _engine(jobs, requests, sampling, options, check) as engine:
        startup_s = round(time.monotonic() - started, 2)
        recorder.event(
            "engine_started",
            backend=options.engine,
            dtype=options.precision,
            quantization=options.quantization,
            device=_device(options),
            seconds=startup_s,
        )
        served = _require_served(jobs, engine.checked, options, recorder)
        done = _collect(engine.generate, missing, requests, startup_s, _systems(jobs), recorder)
        return replace(done, served=served)


def _collect(
    generate: Generate,
    missing: dict[str, tuple[Request, Job]],
    requests: list[Request],
    startup_s: float,
    systems: int,
    recorder: Recorder,
) -> Throughput:
    """Take the answers as they end; progress counts those that this process generates."""
    answers = tokens = 0
    first_token_s = 0.0
    started = time.monotonic()

    def tick(generated: int) -> None:
        nonlocal first_token_s
        if generated and not first_token_s:
            first_token_s = time.monotonic() - started
            recorder.event("first_token", seconds=round(startup_s + first_token_s, 2))
        recorder.progress(
            "generate",
            answers,
            len(requests),
            tokens_per_second=round(generated / max(time.monotonic() - started, 1e-9), 1),
        )
        recorder.check_stop()

    for finished in generate(requests, tick):
        _, job = missing[finished.request.key]
        job.journal.add(_answer(finished, job.codec))
        answers, tokens = answers + 1, tokens + finished.generated
    tick(tokens)
    return Throughput(
        startup_s, round(startup_s + first_token_s, 2), round(time.monotonic() - started, 2), answers, tokens, systems
    )


def _answer(finished: Finished, codec: Codec) -> Answer:
    text = codec.decode(finished.token_ids) if finished.text is None else finished.text.strip()
    return Answer(finished.request.key, text, finished.finish_reason, finished.generated, finished.prompt_tokens)


def _systems(jobs: list[Job]) -> int:
    """How many systems have these jobs, of which one may have two."""
    return len({id(job.system) for job in jobs})


def _tuned(jobs: list[Job]) -> Job | None:
    """The job whose system was measured."""
    return next((job for job in jobs if job.system.measured), None)


def _check_requests(jobs: list[Job]) -> list[Request]:
    """The rows on which the engine is measured, as the tuned system's requests."""
    tuned = _tuned(jobs)
    if tuned is None or tuned.system.measured is None:
        return []
    adapter = tuned.system.adapter if tuned.system.unmerged else None
    return check_requests(tuned.system.measured.check, tuple(tuned.codec.stop_ids), adapter)


def _require_served(
    jobs: list[Job], checked: list[list[list[int]]], options: EngineOptions, recorder: Recorder
) -> Served | None:
    """Compare each engine with the reference; returns the worst. Raises ModelError where one serves something else."""
    tuned = _tuned(jobs)
    if tuned is None or tuned.system.measured is None or not checked:
        return None
    system = tuned.system
    least_gap = sure_from(options.precision, options.weights == "fp8", None if system.unmerged else system.folder)
    found = [compare_served(tuned.system.measured.check, answers, least_gap) for answers in checked]
    worst = max(found, key=lambda served: served.other)
    recorder.event("served_checked", **worst.to_json(), engines=len(found))
    require_served(worst, options.engine)
    return worst


@contextmanager
def _engine(
    jobs: list[Job],
    requests: list[Request],
    sampling: SamplingOptions,
    options: EngineOptions,
    check: list[Request],
) -> Iterator[Engine]:
    system = jobs[0].system
    if system.server is not None:
        from toolkit.generation.server_engine import generate_server

        server = system.server
        yield Engine(
            lambda wanted, tick: generate_server(server, wanted, sampling, options.max_num_seqs, tick), checked=[]
        )
        return
    if on_cpu() and options.weights == "none":
        require_memory(system.folder, options, [*requests, *check])
    ranks = [job.system.lora_rank for job in jobs if job.system.lora_rank]
    by_peft = options.backend == "transformers" and bool(ranks)
    adapters = [str(job.system.adapter) for job in jobs if job.system.unmerged]
    model = EngineModel(
        system.folder,
        system.trust_remote_code,
        None if by_peft else max(ranks, default=None),
        adapters[0] if by_peft else None,
    )
    if options.engines > 1 and len(requests) > 1:
        from toolkit.generation.data_parallel import parallel_engines

        with parallel_engines(model, requests, sampling, options, _visible_gpus(), check) as engine:
            yield engine
    else:
        from toolkit.generation.local_engine import local_engine

        with local_engine(model, requests, sampling, options, check) as engine:
            yield engine


def _device(options: EngineOptions) -> str:
    return str(options.server) if options.server else device_name()


def _visible_gpus() -> list[str]:
    """GPUs in CUDA_VISIBLE_DEVICES' spelling; [] on CPU."""
    return [] if on_cpu() else [card.visible_as for card in my_gpus().cards]
