"""A program of test_training_kernels: loss and gradients of tiny models before and after their kernels are fused.

    TRITON_INTERPRET=1 python -m tests.unit.training.fused_kernels

Prints a JSON object by model: the greatest difference, and how many modules were changed. Triton's interpreter stands
in for a card; it must be chosen before Triton is loaded.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
import triton.language as tl
from transformers import PreTrainedModel
from triton.runtime import interpreter

from tests.unit.training.test_training_attention import ROWS, make
from toolkit.training.attention import ROWS_ATTENTION
from toolkit.training.batches import BatchRows
from toolkit.training.hardware import Hardware
from toolkit.training.kernels import fuse_kernels
from toolkit.training.labelled_head import add_labelled_head

AS_ON_A_CARD = Hardware("cuda:0", torch.float32, sharded=False)


def complete_the_interpreter() -> None:
    """What a card brings and the interpreter lacks: float arguments as Triton's scalars, which have `.to`, and the
    functions of libdevice, which are stubs in it.
    """
    from liger_kernel.ops import geglu, rms_norm

    rms_norm.rsqrt = lambda x: tl.rsqrt(x)  # looked up as late as the interpreter replaces it
    geglu.tanh = lambda x: 2 * tl.sigmoid(2 * x) - 1
    convert = interpreter._implicit_cvt

    def with_floats(argument: Any) -> Any:
        if isinstance(argument, float):
            return tl.tensor(interpreter.TensorHandle(np.array([argument], np.float32), tl.float32), tl.float32)
        return convert(argument)

    interpreter._implicit_cvt = with_floats


def results(model: PreTrainedModel, joined: bool) -> list[torch.Tensor]:
    model.zero_grad()
    batch = BatchRows(0, joined)(ROWS)
    loss = model(**{name: value for name, value in batch.items() if name not in ("labels", "row")})
    loss.backward()
    return [loss.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


def compare(kind: str) -> dict[str, float]:
    model = make(kind).float()
    model.set_attn_implementation(ROWS_ATTENTION)
    add_labelled_head(model)
    plain = [results(model, joined) for joined in (False, True)]
    assert fuse_kernels(model, AS_ON_A_CARD)
    fused = [results(model, joined) for joined in (False, True)]
    off = max(
        float((ours - theirs).abs().max())
        for a, b in zip(plain, fused, strict=True)
        for ours, theirs in zip(a, b, strict=True)
    )
    return {"off": off, "changed": sum("Liger" in module._get_name() for module in model.modules())}


if __name__ == "__main__":
    complete_the_interpreter()
    print(json.dumps({kind: compare(kind) for kind in ("plain", "gemma3")}))
