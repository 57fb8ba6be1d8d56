"""Where the stages compute, asked of torch in one place. A launch that was meant for GPUs never falls to the CPU."""

from __future__ import annotations

import os
from typing import Literal

from toolkit.errors import PreflightError
from toolkit.machine.gpus import PROMISED_VARIABLE


def device_kind() -> Literal["cuda", "cpu"]:
    """`cuda` where torch sees a card, else `cpu`.

    Raises:
        PreflightError: the launch was planned for GPUs, and torch sees none.
    """
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if promised := os.environ.get(PROMISED_VARIABLE):
        raise PreflightError(
            f"The run was started for {promised.count(',') + 1} GPU(s) ({promised}), and torch {torch.__version__} sees"
            " none: it is a build for the CPU, the driver is too old for it, or the card is gone."
            " `steptune doctor` says which; --on cpu starts a run without a GPU."
        )
    return "cpu"
