"""The transformers backend: left-padded batches, longest prompts first, on GPU or CPU. Needs no vLLM; the tests'
oracle.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.device import device_kind
from toolkit.generation import nf4
from toolkit.generation.engine import Finished, Tick, Watch
from toolkit.generation.prompts import Request
from toolkit.options.generation import SamplingOptions

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def load_model(
    folder: Path, dtype: str, trust_remote_code: bool = False, in_nf4: bool = False, adapter: str | None = None
) -> PreTrainedModel:
    """The model in `dtype` (a torch dtype's name) and in evaluation mode, on the first GPU if there is one.

    With accelerate the weights go there file by file; without, the whole model is on the host first.

    Args:
        in_nf4: linear layers rounded to NF4 as in training, and held so.
        adapter: folder of an adapter that PEFT applies; a PeftModel is returned.
    """
    import torch
    from transformers import AutoModelForCausalLM

    device = "cuda:0" if device_kind() == "cuda" else "cpu"
    streamed = in_nf4 or (device != "cpu" and find_spec("accelerate") is not None)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=getattr(torch, dtype),
        trust_remote_code=trust_remote_code,
        quantization_config=_nf4_config(dtype) if in_nf4 else None,
        device_map={"": device} if streamed else None,
    )
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter)
    return (model if streamed else model.to(device)).eval()


def _nf4_config(dtype: str) -> Any:
    """transformers' BitsAndBytesConfig of QLoRA, as in training."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=nf4.DOUBLE_QUANTISATION,
        bnb_4bit_compute_dtype=dtype,
    )


def generate_transformers(
    model: PreTrainedModel,
    batch_size: int,
    requests: list[Request],
    sampling: SamplingOptions,
    tick: Tick,
    watch: Watch | None = None,
) -> Iterator[Finished]:
    """Answer all requests in batches, in the given order; yields each batch's answers when the batch is done. Those
    without an adapter come first, from a model that has one with the adapter off.

    Args:
        tick: called during a batch with the tokens generated so far (pads of ended rows included); may raise to stop.
        watch: called before each token with every answer of the batch so far.
    """
    generated = 0
    for batch in _batches(requests, batch_size):
        with _adapter_of(model, batch):
            rows = _generate_batch(model, batch, sampling, partial(_tick_from, tick, generated), watch)
        for request, ids in zip(batch, rows, strict=True):
            generated += len(ids)
            yield Finished(request, ids, "stop" if ids and ids[-1] in request.stop_ids else "length")
        tick(generated)


def _adapter_of(model: PreTrainedModel, batch: list[Request]) -> AbstractContextManager[None]:
    """The adapter on or off, as the batch's requests ask."""
    if batch[0].adapter is None and hasattr(model, "disable_adapter"):
        off: AbstractContextManager[None] = model.disable_adapter()
        return off
    return nullcontext()


def _batches(requests: list[Request], size: int) -> Iterator[list[Request]]:
    """Neighbours with the same adapter and limit: a row that just fits the context must not be carried beyond it by
    the others.
    """
    by_adapter = sorted(requests, key=lambda request: request.adapter is not None)
    for _, same_limit in groupby(by_adapter, key=lambda request: (request.adapter, request.max_tokens)):
        rows = list(same_limit)
        yield from (rows[start : start + size] for start in range(0, len(rows), size))


def _tick_from(tick: Tick, before: int, new: int) -> None:
    tick(before + new)


def _generate_batch(
    model: PreTrainedModel, batch: list[Request], sampling: SamplingOptions, tick: Tick, watch: Watch | None
) -> list[list[int]]:
    import torch
    from transformers import GenerationConfig

    longest = max(len(request.prompt_ids) for request in batch)
    stop_ids = list(batch[0].stop_ids)  # one system, one set of stop tokens
    # Masked on the left and cut off on the right, so that its value does not matter.
    pad = stop_ids[0] if stop_ids else 0
    input_ids = torch.tensor(
        [[pad] * (longest - len(request.prompt_ids)) + request.prompt_ids for request in batch], device=model.device
    )
    mask = torch.tensor(
        [[0] * (longest - len(request.prompt_ids)) + [1] * len(request.prompt_ids) for request in batch],
        device=model.device,
    )
    # Drawing is done by _Draw with argmax behind it; the model's own sampling defaults must not mix in.
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=stop_ids or None, pad_token_id=pad)
    with torch.inference_mode():
        output = model.generate(
            input_ids=input_ids,
            attention_mask=mask,
            max_new_tokens=batch[0].max_tokens,
            logits_processor=_processors(batch, sampling, longest, tick, watch),
        )
    return [
        _cut(row, request.max_tokens, stop_ids)
        for row, request in zip(output[:, longest:].tolist(), batch, strict=True)
    ]


def _processors(batch: list[Request], sampling: SamplingOptions, longest: int, tick: Tick, watch: Watch | None) -> Any:
    from transformers import LogitsProcessorList

    def report(input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        tick((input_ids.shape[1] - longest) * len(batch))
        if watch is not None:
            for row, request in zip(input_ids[:, longest:].tolist(), batch, strict=True):
                watch(request, _cut(row, request.max_tokens, list(request.stop_ids)))
        return scores

    processors = [report, _Presence(longest, sampling.presence_penalty)] if sampling.presence_penalty else [report]
    return LogitsProcessorList(processors if sampling.greedy else [*processors, _Draw(batch, sampling)])


class _Presence:
    """Lower scores for the tokens that follow the prompt already; the prompt's own and the padding do not count."""

    def __init__(self, prompt_length: int, penalty: float) -> None:
        self.prompt_length = prompt_length
        self.penalty = penalty

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        import torch

        present = torch.zeros_like(scores).scatter_(1, input_ids[:, self.prompt_length :], 1.0)
        return scores - self.penalty * present


class _Draw:
    """Sampling by the Gumbel-max trick with a generator per row, so that a row's draw does not depend on its batch."""

    def __init__(self, batch: list[Request], sampling: SamplingOptions) -> None:
        import torch
        from transformers import TemperatureLogitsWarper, TopPLogitsWarper

        self.generators = [torch.Generator().manual_seed(request.seed) for request in batch]
        self.warpers = [TemperatureLogitsWarper(sampling.temperature), TopPLogitsWarper(sampling.top_p)]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        import torch

        for warp in self.warpers:
            scores = warp(input_ids, scores)
        uniform = torch.stack([torch.rand(scores.shape[-1], generator=generator) for generator in self.generators])
        return scores.float() - torch.log(-torch.log(uniform.clamp(min=1e-20))).to(scores.device)


def _cut(row: list[int], max_tokens: int, stop_ids: list[int]) -> list[int]:
    """The row up to and including its first stop token, at most `max_tokens`: what follows is padding."""
    for position, token in enumerate(row[:max_tokens]):
        if token in stop_ids:
            return row[: position + 1]
    return row[:max_tokens]
