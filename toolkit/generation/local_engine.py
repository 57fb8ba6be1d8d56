"""One engine in this process, vLLM or transformers, opened for a list of requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from toolkit.generation.engine import EngineModel, Generate
from toolkit.generation.prompts import Request
from toolkit.options.generation import EngineOptions, SamplingOptions


@contextmanager
def local_engine(
    model: EngineModel, requests: list[Request], sampling: SamplingOptions, options: EngineOptions
) -> Iterator[Generate]:
    """The engine that `options` asks for, with a context that holds the longest of `requests`; shut down on leaving.

    Raises:
        PreflightError: the backend is not installed.
    """
    if options.backend == "vllm":
        from toolkit.generation.vllm_engine import generate_vllm, vllm_engine

        longest = max(len(request.prompt_ids) + request.max_tokens for request in requests)
        with vllm_engine(model, options, longest) as engine:
            yield lambda wanted, tick: generate_vllm(engine, wanted, sampling, tick)
    else:
        from toolkit.generation.transformers_engine import generate_transformers, load_model

        loaded = load_model(model.folder, options.precision, model.trust_remote_code)
        yield lambda wanted, tick: generate_transformers(loaded, wanted, sampling, options.max_num_seqs, tick)
