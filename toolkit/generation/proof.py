"""Proof that a merged model computes what base + adapter compute, measured before it answers.

The reference is PEFT's own adapter on top of the base (its linear layers rounded to NF4 and back for a `dequantised`
merge), both sides in float32 on CPU or the served precision on GPU. Base + adapter answer greedily; then both read
prompt and answer in one pass, and their logits are compared at every position of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.device import device_kind
from toolkit.errors import SteptuneError
from toolkit.generation import nf4
from toolkit.generation.adapter import MergeMode
from toolkit.generation.memory import fitting_dtype
from toolkit.generation.merge_folder import PROOF_FILE
from toolkit.generation.prompts import Codec, Prompt, Request, build_requests
from toolkit.generation.system import System, context_limit, load_codec
from toolkit.generation.tensor_stream import FLOATS, read_header
from toolkit.model_files import weight_files
from toolkit.options.generation import SamplingOptions
from toolkit.records import read_json, write_json
from toolkit.runs.recorder import Recorder

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Greedy tokens per row: enough for a difference to show, little next to the answers themselves.
ANSWER_TOKENS = 16
BATCH = 8


class NothingToProve(SteptuneError):
    """There is no prompt that a merged model could be measured on."""


@dataclass(frozen=True)
class Proof:
    """Differences of the logits (absolute), and how far greedy decoding agrees.

    `agreeing_tokens` is the share of positions where both have the same likeliest token, `agreeing_rows` the share of
    answers that are the same throughout. `largest_gap` is the distance of the reference's two likeliest logits at the
    worst position where they disagree: 0 when they never do, small where only a tie was broken otherwise.
    """

    rows: int
    positions: int
    max_logit_difference: float
    mean_logit_difference: float
    agreeing_tokens: float
    agreeing_rows: float
    largest_gap: float
    dtype: str

    def __str__(self) -> str:
        return (
            f"{self.rows} rows, {self.positions} positions, {self.dtype}: logits differ by"
            f" {self.max_logit_difference:.3g} at most, {self.mean_logit_difference:.3g} in the mean; the likeliest"
            f" token agrees at {self.agreeing_tokens:.2%}, whole greedy answers at {self.agreeing_rows:.2%} (largest"
            f" gap where not: {self.largest_gap:.3g})"
        )


def with_proof(system: System, prompts: list[str], prompt_format: str, rows: int, recorder: Recorder) -> System:
    """The system with its proof, measured now, or kept with the merged model from an earlier run on as many rows."""
    if rows == 0 or system.unmerged or system.base_dir is None or system.adapter is None or system.merge_mode is None:
        return system
    kept = read_json(system.folder / PROOF_FILE)
    if kept is None or kept["rows"] < min(rows, len(prompts)):
        if find_spec("peft") is None:
            recorder.event("proof_left_out", reason="PEFT is not installed for this interpreter")
            return system
        try:
            kept = asdict(prove(system, prompts[:rows], prompt_format))
        except NothingToProve as nothing:
            recorder.event("proof_left_out", reason=str(nothing))
            return system
        write_json(system.folder / PROOF_FILE, kept)
    recorder.event("proof", **kept)
    return replace(system, proof=kept)


def prove(system: System, prompts: list[str], prompt_format: str = "auto") -> Proof:
    """Measure a merged system on prompts; empty ones and those too long for the context are left out.

    Raises:
        NothingToProve: no prompt is left.
    """

    assert system.base_dir is not None
    assert system.adapter is not None
    assert system.merge_mode is not None
    dtype = "bfloat16" if device_kind() == "cuda" else fitting_dtype(system.base_dir, "float32")
    requests = _requests(system, load_codec(system, prompt_format), prompts)
    if not requests:
        raise NothingToProve("no prompt that fits the context")
    reference = reference_model(system.base_dir, system.adapter, system.merge_mode, dtype, system.trust_remote_code)
    answers = _greedy_answers(reference, requests)
    expected = list(_answer_logits(reference, answers))
    del reference
    merged = _load(system.folder, dtype, system.trust_remote_code)
    return _compare(expected, _answer_logits(merged, answers), dtype)


def reference_model(
    base_dir: Path, adapter_dir: Path, mode: MergeMode, dtype: str, trust_remote_code: bool = False
) -> PreTrainedModel:
    """Base + adapter as PEFT computes them; for `dequantised` on explicitly rounded weights (bitsandbytes repacks its
    own in evaluation).
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    # In the compared precision from the start: a model that is loaded in 16 bits and cast later keeps rounded buffers.
    model = AutoModelForCausalLM.from_pretrained(
        base_dir, dtype=getattr(torch, dtype), trust_remote_code=trust_remote_code
    )
    if mode == "dequantised":
        stored = {entry.name: entry.dtype for path in weight_files(base_dir) for entry in read_header(path)[1]}
        with torch.no_grad():
            for name, transposed in nf4.quantised_layers(base_dir, trust_remote_code).items():
                weight = model.get_parameter(name)
                weight.copy_(nf4.round_trip(weight.to(getattr(torch, FLOATS[stored[name]])), transposed))
    model = PeftModel.from_pretrained(model, adapter_dir)
    return model.to(getattr(torch, dtype)).to(device_kind()).eval()


def _load(folder: Path, dtype: str, trust_remote_code: bool) -> PreTrainedModel:
    from toolkit.generation.transformers_engine import load_model

    return load_model(folder, dtype, trust_remote_code)


def _requests(system: System, codec: Codec, prompts: list[str]) -> list[Request]:
    numbered = [Prompt(str(number), text) for number, text in enumerate(prompts)]
    requests = build_requests(
        numbered, codec, SamplingOptions(max_new_tokens=ANSWER_TOKENS), context_limit(system, None), "proof"
    )
    usable = [request for request in requests if request.refused is None]
    return sorted(usable, key=lambda request: len(request.prompt_ids), reverse=True)


def _greedy_answers(model: PreTrainedModel, requests: list[Request]) -> list[tuple[list[int], list[int]]]:
    """Prompt and greedy answer of each request."""
    from toolkit.generation.transformers_engine import generate_transformers

    done = generate_transformers(
        model, requests, SamplingOptions(max_new_tokens=ANSWER_TOKENS), BATCH, lambda tokens: None
    )
    return [(finished.request.prompt_ids, finished.token_ids) for finished in done]


def _answer_logits(model: PreTrainedModel, answers: list[tuple[list[int], list[int]]]) -> Iterator[torch.Tensor]:
    """Logits at the positions that an answer's tokens were drawn from: float32 [tokens of the answer, vocabulary], one
    row at a time.
    """
    import torch

    with torch.inference_mode():
        for prompt, answer in answers:
            ids = torch.tensor([[*prompt, *answer[:-1]]], device=model.device)
            yield model(ids, logits_to_keep=len(answer)).logits[0].float().cpu()


def _compare(expected: list[torch.Tensor], found: Iterator[torch.Tensor], dtype: str) -> Proof:
    largest = gap = total = 0.0
    agreeing = whole = 0
    for left, right in zip(expected, found, strict=True):
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
