"""One engine in this process, vLLM or transformers, opened for a list of requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.generation.engine import EngineOptions, Generate
from toolkit.generation.prompts import Request, Sampling


@contextmanager
def local_engine(
    folder: Path, requests: list[Request], sampling: Sampling, options: EngineOptions
) -> Iterator[Generate]:
    """The engine that `options` asks for, with a context that holds the longest of `requests`; shut down on leaving.

    Raises:
        PreflightError: the backend is not installed.
    """
    if options.backend == "vllm":
        from toolkit.generation.vllm_engine import generate_vllm, vllm_engine

        longest = max(len(request.prompt_ids) + request.max_tokens for request in requests)
        with vllm_engine(folder, options, longest) as engine:
            yield lambda wanted, tick: generate_vllm(engine, wanted, sampling, tick)
    else:
        from toolkit.generation.transformers_engine import generate_transformers, load_model

        model = load_model(folder, options)
        yield lambda wanted, tick: generate_transformers(model, wanted, sampling, options.max_num_seqs, tick)
