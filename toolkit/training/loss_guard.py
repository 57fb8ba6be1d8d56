"""The guard that stops a training at the first loss or gradient that is not a number, or beyond all reason, and names
its rows.

It looks once an optimiser step, before the weights change: each look waits for the device, which would otherwise stand
idle between two micro-steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
import torch.distributed as dist

from toolkit.errors import SteptuneError

# A model that guesses blindly has a loss of ln(vocabulary); three times that is confidence in the wrong.
EXPLODED = 3.0
SHOWN_ROWS = 8
# A loss scaler begins at 65,536 and halves at each overflow: after this many in a row it is at 1, where the gradients
# themselves, unscaled, are beyond the largest number of fp16.
SKIPPED_IN_A_ROW = 16
SMALLEST_SCALE = 1.0
FP16 = (
    "this card computes in fp16, whose largest number is 65,504: a model that was trained in bf16 can have larger ones."
    " Take another base model, or a card that computes in bf16 (Ampere or newer)"
)


@dataclass(frozen=True)
class MicroStep:
    """One forward and backward pass. `loss`: what was differentiated, on the device; `rows`: their ids."""

    loss: torch.Tensor
    labelled: int
    rows: list[str]


@dataclass
class StepGuard:
    """The micro-steps of the optimiser step under way. `fp16`: the training computes in fp16."""

    vocabulary: int
    fp16: bool = False
    micro_steps: list[MicroStep] = field(default_factory=list)
    skipped_in_a_row: int = 0

    @property
    def rows(self) -> list[str]:
        return [row for micro_step in self.micro_steps for row in micro_step.rows]

    def check_losses(self, step: int, share: float, losses: list[float]) -> None:
        """Raise in every process if a loss of this step is NaN, infinite or has exploded in any of them.

        share: labelled tokens that each process's loss was divided by; losses: the micro-steps' as numbers.

        Raises:
            SteptuneError: with the step and the ids of the rows.
        """
        complaint = next(filter(None, map(self._complaint, self.micro_steps, losses, [share] * len(losses))), None)
        complaints: list[str | None] = [complaint]
        if dist.is_initialized():
            anywhere = torch.tensor(int(complaint is not None), device=self.micro_steps[0].loss.device)
            dist.all_reduce(anywhere, op=dist.ReduceOp.MAX)
            if not anywhere.item():
                return
            complaints = [None] * dist.get_world_size()
            dist.all_gather_object(complaints, complaint)
        if named := "; ".join(complaint for complaint in complaints if complaint):
            advice = (
                f"{FP16}, or lower learning_rate, then"
                if self.fp16
                else "look at these rows, or lower learning_rate or raise warmup_ratio, then"
            )
            raise SteptuneError(f"Step {step}: {named}. Nothing of this step was kept; {advice} `steptune resume`.")

    def check_gradient(self, step: int, norm: float, scale: float | None) -> bool:
        """Whether the weights take this step; not where a gradient overflowed and the loss scaler lowers its scale.

        norm: of the unscaled gradient; scale: that of the loss scaler, None without one.

        Raises:
            SteptuneError: the gradient is NaN or infinite without a scaler, or a scaler does not help any more.
        """
        if math.isfinite(norm):
            self.skipped_in_a_row = 0
            return True
        if scale is None:
            raise SteptuneError(
                f"Step {step}: the gradient became {norm} on {_names(self.rows)}. Nothing of this step was kept; look"
                " at these rows, or lower learning_rate, then `steptune resume`."
            )
        self.skipped_in_a_row += 1
        if self.skipped_in_a_row >= SKIPPED_IN_A_ROW or scale <= SMALLEST_SCALE:
            raise SteptuneError(
                f"Step {step}: the gradient overflowed fp16 {self.skipped_in_a_row} step(s) in a row, the last time"
                f" with a loss scale of {scale:g} on {_names(self.rows)}. Nothing of these steps was kept; {FP16}, or"
                " lower learning_rate, then `steptune resume`."
            )
        return False

    def _complaint(self, micro_step: MicroStep, loss: float, share: float) -> str | None:
        per_token = loss * share / max(micro_step.labelled, 1)
        blind = math.log(self.vocabulary)
        if math.isfinite(loss) and per_token <= EXPLODED * blind:
            return None
        what = (
            f"the loss exploded to {per_token:.1f} a token (a blind guess has {blind:.1f})"
            if math.isfinite(loss)
            else f"the loss became {loss}"
        )
        return f"{what} on {_names(micro_step.rows)}"


def _names(rows: list[str]) -> str:
    more = f" and {len(rows) - SHOWN_ROWS} more" if len(rows) > SHOWN_ROWS else ""
    return f"row(s) {', '.join(rows[:SHOWN_ROWS])}{more}"
