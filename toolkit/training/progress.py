"""What a training run reports while it runs, and when it stops before its last step."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
import torch.distributed as dist
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from toolkit.errors import Cancelled
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.recorder import Recorder


class RunReport(TrainerCallback):
    """Writes metrics, progress and events; ends training on request, and when validation loss no longer falls.

    `patience`: evaluations without a better validation loss before training stops; None never stops. The count is read
    from the trainer's log, so that a resumed run stops where the unbroken one would.
    `stopped_at`: the step at which a requested stop took effect, None otherwise.
    """

    def __init__(self, recorder: Recorder, patience: int | None) -> None:
        self.recorder = recorder
        self.patience = patience
        self.stopped_at: int | None = None
        self.early_stopped = False
        self.evaluates = False
        self.started_s = time.monotonic()
        self.first_step = 0
        self.seen: tuple[float, int, int] = (self.started_s, 0, 0)
        self.tokens = 0
        self.labelled = 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.started_s = time.monotonic()
        self.first_step = state.global_step
        self.seen = (self.started_s, self.tokens, self.labelled)
        self.recorder.progress("train", state.global_step, state.max_steps)

    def on_substep_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._leave_before_the_first_step(state)

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._leave_before_the_first_step(state)
        if not self.evaluates:
            self.evaluates = True
            self.recorder.begin(f"evaluating at step {state.global_step}", state.global_step, state.max_steps)

    def saves(self, state: TrainerState) -> None:
        """A checkpoint is being written."""
        self.recorder.begin("saving", state.global_step, state.max_steps)

    def _leave_before_the_first_step(self, state: TrainerState) -> None:
        """Nothing is lost then, and how long a step takes is not known. Several processes leave after it, together."""
        if self.recorder.stop_requested and state.global_step == self.first_step and not dist.is_initialized():
            raise Cancelled("Stopped before the first step was done; `steptune resume` starts there.")

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        self.recorder.progress("train", state.global_step, state.max_steps)
        stop, save = _any_process((self.recorder.stop_requested, self._checkpoint_asked()), args.device)
        if state.global_step < state.max_steps and stop:
            self.stopped_at = state.global_step
            control.should_training_stop = True
        control.should_save = control.should_save or save or self.stopped_at is not None
        return control

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, float], **_: Any
    ) -> None:
        if "loss" not in logs:
            return
        known = {name: logs[name] for name in ("loss", "learning_rate", "grad_norm") if name in logs}
        # A skipped step has no norm that a chart could show.
        numbers = {name: round(number, 8) for name, number in known.items() if math.isfinite(number)}
        self._report(state, **numbers, **self._speed())

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: dict[str, float], **_: Any
    ) -> TrainerControl:
        self.evaluates = False
        self._report(state, eval_loss=round(metrics["eval_loss"], 8))
        # The time of an evaluation is not training time.
        self.seen = (time.monotonic(), self.tokens, self.labelled)
        if (
            self.patience is not None
            and evaluations_since_best(state.log_history) >= self.patience
            and state.global_step < state.max_steps
        ):
            self.early_stopped = True
            self.recorder.event("early_stopped", step=state.global_step, patience=self.patience)
            control.should_training_stop = True
        return control

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        asked = self._checkpoint_asked()
        self.recorder.event(
            "checkpoint_saved",
            step=state.global_step,
            path=f"checkpoints/checkpoint-{state.global_step}",
            **({"asked": True} if asked else {}),
        )
        if asked and self.recorder.run_dir is not None:
            RunFolder(self.recorder.run_dir).checkpoint_request_file.unlink(missing_ok=True)

    def _checkpoint_asked(self) -> bool:
        return self.recorder.run_dir is not None and RunFolder(self.recorder.run_dir).checkpoint_request_file.exists()

    def _report(self, state: TrainerState, **numbers: Any) -> None:
        done = state.global_step - self.first_step
        eta_s = (
            round((time.monotonic() - self.started_s) / done * (state.max_steps - state.global_step), 1)
            if done
            else None
        )
        self.recorder.metric(
            step=state.global_step,
            total_steps=state.max_steps,
            epoch=round(state.epoch or 0.0, 4),
            **numbers,
            eta_s=eta_s,
        )
        if self.recorder.run_dir is not None:
            shown = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items() if value is not None)
            print(f"step {state.global_step}/{state.max_steps}  {shown}", flush=True)

    def count(self, tokens: int, labelled: int) -> None:
        """Tokens of an optimiser step without padding, and those that are learned from, of all processes."""
        self.tokens += tokens
        self.labelled += labelled

    def skipped(self, step: int, scale: float) -> None:
        """A step whose gradient overflowed fp16: a loss scaler at work, a few of them are normal."""
        self.recorder.event("step_skipped", step=step, loss_scale=scale)

    def _speed(self) -> dict[str, float]:
        """Tokens a second since the last report, of all processes: without padding, and those that are learned from."""
        now = time.monotonic()
        seconds = max(now - self.seen[0], 1e-9)
        tokens, labelled = self.tokens - self.seen[1], self.labelled - self.seen[2]
        self.seen = (now, self.tokens, self.labelled)
        return {
            "tokens_per_second": round(tokens / seconds, 1),
            "labelled_tokens_per_second": round(labelled / seconds, 1),
        }


def evaluations_since_best(log_history: list[dict[str, float]]) -> int:
    """Evaluations after the one with the lowest loss. Step 0 (the untrained model) does not count: training may start
    above it.
    """
    losses = [entry["eval_loss"] for entry in log_history if "eval_loss" in entry and entry.get("step", 0) > 0]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def _any_process(flags: tuple[bool, ...], device: torch.device) -> list[bool]:
    """Each flag: whether it is up in any process. All must save and end at the same step."""
    if not dist.is_initialized():
        return list(flags)
    raised = torch.tensor(flags, dtype=torch.int32, device=device)
    dist.all_reduce(raised, op=dist.ReduceOp.MAX)
    return [bool(flag) for flag in raised.tolist()]
