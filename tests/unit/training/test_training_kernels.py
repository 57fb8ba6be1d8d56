"""Fused kernels give the loss and the gradients of the plain model, in Triton's interpreter; a CPU keeps the plain
ones.
"""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
import torch

from tests.unit.training.test_training_attention import make
from toolkit.training.hardware import Hardware
from toolkit.training.kernels import KERNELS, fuse_kernels

needs_liger = pytest.mark.skipif(
    importlib.util.find_spec("liger_kernel") is None or importlib.util.find_spec("triton") is None,
    reason="liger-kernel or Triton is not installed here; the extras `dev` and `cuda` bring them",
)


@needs_liger
@pytest.mark.slow
def test_fused_kernels_agree_with_the_plain_model_in_loss_and_gradient() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.unit.training.fused_kernels"],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["plain"]["changed"] == 5 + 2  # norms and gated MLPs of two layers
    assert found["gemma3"]["changed"] == 9 + 4 + 2  # with norms after, and of queries and keys
    assert max(kind["off"] for kind in found.values()) < 1e-4


def test_a_cpu_keeps_the_plain_model_and_the_loss_is_left_to_the_labelled_head() -> None:
    assert not fuse_kernels(make("plain"), Hardware("cpu", torch.float32, sharded=False))
    assert not any(KERNELS[name] for name in KERNELS if "cross_entropy" in name)
