"""One engine in this process, vLLM or transformers, opened for a list of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from toolkit.generation.engine import Engine, EngineModel, Finished, Tick
from toolkit.generation.prompts import Request
from toolkit.options.generation import EngineOptions, SamplingOptions

_Answer = Callable[[list[Request], SamplingOptions, Tick], Iterator[Finished]]


@contextmanager
def local_engine(
    model: EngineModel,
    requests: list[Request],
    sampling: SamplingOptions,
    options: EngineOptions,
    check: list[Request] | None = None,
) -> Iterator[Engine]:
    """The engine that `options` asks for, with a context that holds the longest of `requests` and `check`; shut down on
    leaving.

    Raises:
        PreflightError: the backend is not installed.
    """
    check = check or []
    if options.backend == "vllm":
        from toolkit.generation.vllm_engine import generate_vllm, vllm_engine

        longest = max(len(request.prompt_ids) + request.max_tokens for request in [*requests, *check])
        with vllm_engine(model, options, longest) as engine:
            yield _checked(partial(generate_vllm, engine), sampling, check)
    else:
        from toolkit.generation.transformers_engine import generate_transformers, load_model

        in_nf4 = options.weights == "nf4"
        loaded = load_model(
            model.folder, options.precision, model.trust_remote_code, in_nf4=in_nf4, adapter=model.adapter
        )
        yield _checked(partial(generate_transformers, loaded, options.max_num_seqs), sampling, check)


def _checked(answer: _Answer, sampling: SamplingOptions, check: list[Request]) -> Engine:
    greedy = SamplingOptions()
    found = {finished.request.key: finished.token_ids for finished in answer(check, greedy, lambda tokens: None)}
    return Engine(lambda wanted, tick: answer(wanted, sampling, tick), [[found[request.key] for request in check]])
