"""The guard that stops a training at the first loss or gradient that is not a number, or beyond all reason, and names
its rows.
"""

from __future__ import annotations

import math

import torch
import torch.distributed as dist

from toolkit.errors import SteptuneError

# A model that guesses blindly has a loss of ln(vocabulary); three times that is confidence in the wrong.
EXPLODED = 3.0
SHOWN_ROWS = 8


def check_loss(step: int, loss: torch.Tensor, per_token: torch.Tensor, vocabulary: int, rows: list[str]) -> None:
    """Raise in every process if the loss of this micro-step is NaN, infinite or has exploded in any of them.

    loss: what is differentiated; per_token: the same as a mean over this micro-step's labelled tokens, 0 without any.

    Raises:
        SteptuneError: with the step and the ids of the rows.
    """
    found = torch.stack([loss.detach().float(), per_token.detach().float()])
    limit = EXPLODED * math.log(vocabulary)
    bad = not (math.isfinite(found[0].item()) and found[1].item() <= limit)
    complaints: list[str | None] = [_complaint(found, limit, rows) if bad else None]
    if dist.is_initialized():
        anywhere = torch.tensor(int(bad), device=loss.device)
        dist.all_reduce(anywhere, op=dist.ReduceOp.MAX)
        if not anywhere.item():
            return
        gathered: list[str | None] = [None] * dist.get_world_size()
        dist.all_gather_object(gathered, complaints[0])
        complaints = gathered
    if named := "; ".join(complaint for complaint in complaints if complaint):
        raise SteptuneError(
            f"Step {step}: {named}. Nothing of this step was kept; look at these rows, or lower learning_rate or raise"
            " warmup_ratio, then `steptune resume`."
        )


def check_gradient(step: int, norm: float, rows: list[str]) -> None:
    """Raises SteptuneError if the gradient of an optimiser step is NaN or infinite; its loss was a number."""
    if not math.isfinite(norm):
        raise SteptuneError(
            f"Step {step}: the gradient became {norm} on {_names(rows)}. Nothing of this step was kept; look at these"
            " rows, or lower learning_rate."
        )


def _complaint(found: torch.Tensor, limit: float, rows: list[str]) -> str:
    loss, per_token = found.tolist()
    what = (
        f"the loss became {loss}"
        if not math.isfinite(loss)
        else f"the loss exploded to {per_token:.1f} a token (a blind guess has {limit / EXPLODED:.1f})"
    )
    return f"{what} on {_names(rows)}"


def _names(rows: list[str]) -> str:
    more = f" and {len(rows) - SHOWN_ROWS} more" if len(rows) > SHOWN_ROWS else ""
    return f"row(s) {', '.join(rows[:SHOWN_ROWS])}{more}"
