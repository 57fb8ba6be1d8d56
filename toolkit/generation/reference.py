"""Base + adapter as PEFT computes them: the reference that merged models and engines are measured against.

The linear layers are those of training: for a `dequantised` merge rounded to NF4, held so by bitsandbytes where the
model is served in NF4 or the reference is on a GPU (a quarter of the memory), rounded explicitly otherwise
(bitsandbytes repacks its weights on a CPU). One model is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.device import device_kind
from toolkit.errors import SteptuneError
from toolkit.generation import nf4
from toolkit.generation.adapter import MergeMode
from toolkit.generation.measured import CheckRow, Measured, Proof
from toolkit.generation.prompts import Codec, Prompt, Request, build_requests
from toolkit.generation.system import System, context_limit, load_codec
from toolkit.generation.tensor_stream import FLOATS, read_header
from toolkit.model_files import weight_files
from toolkit.options.generation import SamplingOptions

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

# Greedy tokens per row: enough for a difference to show, little next to the answers themselves.
ANSWER_TOKENS = 16
BATCH = 8
CHECK_ROWS = 8
# Called with rows done and in all; may raise to stop.
Progress = Callable[[int, int], None]


class NothingToProve(SteptuneError):
    """There is no prompt that a system could be measured on."""


def measure(
    system: System,
    prompts: list[str],
    prompt_format: str = "auto",
    dtype: str = "float32",
    progress: Progress = lambda done, total: None,
) -> Measured:
    """Base + adapter's greedy answers; where `system` is merged, its logits against theirs. Prompts that are empty or
    too long for the context are left out.

    Args:
        dtype: what both sides compute in, as the engine will.

    Raises:
        NothingToProve: no prompt is left.
    """
    assert system.base_dir is not None
    assert system.adapter is not None
    assert system.merge_mode is not None
    requests = _requests(system, load_codec(system, prompt_format), prompts)
    if not requests:
        raise NothingToProve("no prompt that fits the context")
    total = len(requests) * (1 if system.unmerged else 2)
    reference = reference_model(
        system.base_dir, system.adapter, system.merge_mode, dtype, system.trust_remote_code, system.in_nf4
    )
    answers = []
    for answer in _greedy_answers(reference, requests):
        answers.append(answer)
        progress(len(answers), total)
    expected = list(_answer_logits(reference, answers))
    check = _check_rows(reference, answers, expected)
    del reference
    if system.unmerged:
        return Measured(dtype, len(prompts), len(requests), check)
    merged = _load(system.folder, dtype, system.trust_remote_code)
    found = _counted(_answer_logits(merged, answers), lambda done: progress(len(answers) + done, total))
    return Measured(dtype, len(prompts), len(requests), check, _compare(expected, found, dtype))


def reference_model(
    base_dir: Path,
    adapter_dir: Path,
    mode: MergeMode,
    dtype: str,
    trust_remote_code: bool = False,
    in_nf4: bool = False,
) -> PeftModel:
    """Base + adapter in evaluation mode, on the GPU where there is one."""
    import torch
    from peft import PeftModel

    from toolkit.generation.transformers_engine import load_model

    quantised = mode == "dequantised" and (in_nf4 or device_kind() == "cuda")
    # In the compared precision from the start: a model that is loaded in 16 bits and cast later keeps rounded buffers.
    model = load_model(base_dir, dtype, trust_remote_code, in_nf4=quantised)
    if mode == "dequantised" and not quantised:
        stored = {entry.name: entry.dtype for path in weight_files(base_dir) for entry in read_header(path)[1]}
        with torch.no_grad():
            for name, transposed in nf4.quantised_layers(base_dir, trust_remote_code).items():
                weight = model.get_parameter(name)
                weight.copy_(nf4.round_trip(weight.to(getattr(torch, FLOATS[stored[name]])), transposed))
    adapted: PeftModel = PeftModel.from_pretrained(model, adapter_dir)
    return adapted.eval() if quantised else adapted.to(getattr(torch, dtype)).eval()


def _load(folder: Path, dtype: str, trust_remote_code: bool) -> PreTrainedModel:
    from toolkit.generation.transformers_engine import load_model

    return load_model(folder, dtype, trust_remote_code)


def _requests(system: System, codec: Codec, prompts: list[str]) -> list[Request]:
    numbered = [Prompt(str(number), text) for number, text in enumerate(prompts)]
    greedy = SamplingOptions(max_new_tokens=ANSWER_TOKENS)
    requests = build_requests(numbered, codec, greedy, context_limit(system, None), "proof", system.adapter)
    usable = [request for request in requests if request.refused is None]
    return sorted(usable, key=lambda request: len(request.prompt_ids), reverse=True)


def _greedy_answers(model: PeftModel, requests: list[Request]) -> Iterator[tuple[list[int], list[int]]]:
    """Prompt and greedy answer of each request."""
    from toolkit.generation.transformers_engine import generate_transformers

    for finished in generate_transformers(
        model, BATCH, requests, SamplingOptions(max_new_tokens=ANSWER_TOKENS), lambda tokens: None
    ):
        yield finished.request.prompt_ids, finished.token_ids


def _check_rows(
    reference: PeftModel, answers: list[tuple[list[int], list[int]]], expected: list[torch.Tensor]
) -> list[CheckRow]:
    """Rows for the engine, spread over the lengths, with what the base alone would say."""
    chosen = range(0, len(answers), max(1, len(answers) // CHECK_ROWS))[:CHECK_ROWS]
    with reference.disable_adapter():
        alone = _answer_logits(reference, [answers[place] for place in chosen])
        base = [logits.argmax(-1).tolist() for logits in alone]
    rows = []
    for place, base_ids in zip(chosen, base, strict=True):
        top = expected[place].float().topk(2).values
        rows.append(CheckRow(*answers[place], gaps=(top[:, 0] - top[:, 1]).tolist(), base_ids=base_ids))
    return rows


def _answer_logits(
    model: PeftModel | PreTrainedModel, answers: list[tuple[list[int], list[int]]]
) -> Iterator[torch.Tensor]:
    """Logits at the positions that an answer's tokens were drawn from: [tokens of the answer, vocabulary] in the
    model's precision, one row at a time.
    """
    import torch

    with torch.inference_mode():
        for prompt, answer in answers:
            ids = torch.tensor([[*prompt, *answer[:-1]]], device=model.device)
            yield model(input_ids=ids, logits_to_keep=len(answer)).logits[0].cpu()


def _counted(rows: Iterator[torch.Tensor], done: Callable[[int], None]) -> Iterator[torch.Tensor]:
    for number, row in enumerate(rows, start=1):
        yield row
        done(number)


def _compare(expected: list[torch.Tensor], found: Iterator[torch.Tensor], dtype: str) -> Proof:
    largest = gap = total = 0.0
    agreeing = whole = 0
    for reference, merged in zip(expected, found, strict=True):
        left, right = reference.float(), merged.float()
        difference = (left - right).abs()
        largest, total = max(largest, float(difference.max())), total + float(difference.mean()) * len(left)
        same = left.argmax(-1) == right.argmax(-1)
        agreeing, whole = agreeing + int(same.sum()), whole + bool(same.all())
        top = left.topk(2).values[~same]
        gap = max([gap, *(top[:, 0] - top[:, 1]).tolist()])
    positions = sum(map(len, expected))
    return Proof(
        len(expected), positions, largest, total / positions, agreeing / positions, whole / len(expected), gap, dtype
    )
