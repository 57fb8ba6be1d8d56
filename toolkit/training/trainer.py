"""TRL's SFTTrainer with the parts that steptune needs to be exact: loss, validation loss, order, checkpoints, NaN
guard.
"""

from __future__ import annotations

import itertools
import math
import shutil
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Sampler
from transformers import PreTrainedModel, TrainerControl, TrainerState
from trl import SFTTrainer

from toolkit.errors import DiskFullError
from toolkit.training.checkpoints import checkpoint_dir, keep_newest, last_complete, mark_complete
from toolkit.training.labelled_head import add_labelled_head, supports_labelled_head
from toolkit.training.loss_guard import MicroStep, StepGuard
from toolkit.training.order import LengthGroupedOrder
from toolkit.training.tokens import IGNORED


class StepReport(Protocol):
    """Who hears of each optimiser step before the weights change."""

    def count(self, tokens: int, labelled: int) -> None:
        """Tokens of the step without padding, and those that are learned from, of all processes."""

    def skipped(self, step: int, scale: float) -> None:
        """The step's gradient overflowed fp16 at this loss scale; its weights stay."""

    def saves(self, state: TrainerState) -> None:
        """A checkpoint is being written."""


class CompletionTrainer(SFTTrainer):
    """SFTTrainer on rows that are already tokenised and labelled, in batches of `BatchRows`.

    It validates by the mean over all labelled tokens, which depends on neither batch size nor number of processes;
    keeps `checkpoints_kept` checkpoints besides the best one; stops at the first loss that is not a number, and names
    its rows by `row_ids`. It waits for the device once an optimiser step, for all numbers of the step together.
    """

    checkpoints_kept: int = 2
    row_ids: tuple[str, ...] = ()
    row_lengths: tuple[int, ...] = ()
    step_report: StepReport | None = None
    control: TrainerControl

    def __init__(self, model: PreTrainedModel, *args: Any, **kwargs: Any) -> None:
        self.labelled_head = False
        super().__init__(model, *args, **kwargs)
        base = self.model.get_base_model()
        self.guard = StepGuard(base.config.get_text_config().vocab_size, self.args.fp16)
        self.items: torch.Tensor | None = None
        self.tokens = 0
        self.labelled_head = supports_labelled_head(base)
        if self.labelled_head:
            add_labelled_head(base)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean loss over the labelled tokens of the whole optimiser step (`num_items_in_batch`, all processes)."""
        summed = self._summed_loss(model, inputs)
        if num_items_in_batch is None:
            return summed / max(len(inputs["targets"]), 1)
        # The gradient is averaged over processes afterwards, but each process divides by the tokens of all.
        return summed * self.accelerator.num_processes / num_items_in_batch

    def _summed_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        not_for_all = ("labels", "labelled", "targets", "row")
        rest = {name: value for name, value in inputs.items() if name not in not_for_all}
        if self.labelled_head:
            found: torch.Tensor = model(**rest, labelled=inputs["labelled"], targets=inputs["targets"])
            return found
        scored = model(**rest, labels=inputs["labels"], use_cache=False, fused_lm_head=True)
        summed: torch.Tensor = -scored.log_probs.sum()
        return summed

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: torch.device) -> Any:
        """The micro-batches of an optimiser step, and the labelled tokens of all processes in it, on the device."""
        batches = list(itertools.islice(epoch_iterator, num_batches))
        labelled = sum(len(batch["targets"]) for batch in batches)
        self.items = torch.tensor(float(labelled), device=device)
        if dist.is_initialized():
            dist.all_reduce(self.items)
        self.tokens = 0
        self.guard.micro_steps.clear()
        return batches, self.items

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        rows, labelled = inputs["row"], len(inputs["targets"])
        self.tokens += sum(self.row_lengths[index] for index in rows) if self.row_lengths else 0
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        ids = [self.row_ids[index] for index in rows] if self.row_ids else []
        self.guard.micro_steps.append(MicroStep(loss, labelled, ids))
        return loss

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """The gradient's norm as a number. Before the weights change, the step's losses are looked at as well."""
        norm = torch.as_tensor(super()._get_grad_norm(model, grad_norm), device=self.args.device)
        losses = [micro_step.loss for micro_step in self.guard.micro_steps]
        assert self.items is not None
        numbers = torch.stack([value.detach().float() for value in (norm, self.items, *losses)]).tolist()
        step = self.state.global_step + 1
        self.guard.check_losses(step, numbers[1] / self.accelerator.num_processes, numbers[2:])
        scaler = self.accelerator.scaler
        scale = scaler.get_scale() if scaler is not None and not math.isfinite(numbers[0]) else None
        taken = self.guard.check_gradient(step, numbers[0], scale)
        if self.step_report is not None:
            self.step_report.count(self._of_all_processes(self.tokens), round(numbers[1]))
            if not taken and scale is not None:
                self.step_report.skipped(step, scale)
        return numbers[0]

    def _of_all_processes(self, count: int) -> int:
        if not dist.is_initialized():
            return count
        together = torch.tensor(count, device=self.args.device)
        dist.all_reduce(together)
        return int(together.item())

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """`eval_loss`: negative log-likelihood per labelled token, over all validation rows of all processes."""
        model = (
            self.accelerator.prepare_model(self.model, evaluation_mode=True)
            if self.model_wrapped is self.model
            else self.model_wrapped
        )
        training = model.training
        model.eval()
        totals = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        with torch.no_grad():
            for batch in self._validation_batches():
                with self.compute_loss_context_manager():
                    totals[0] += self._summed_loss(model, batch).double()
                totals[1] += len(batch["targets"])
                self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        if dist.is_initialized():
            dist.all_reduce(totals)
        metrics = {f"{metric_key_prefix}_loss": (totals[0] / totals[1]).item()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        model.train(training)
        return metrics

    def _validation_batches(self) -> Any:
        """This process's share of the validation rows, longest first; all processes get as many batches (some fully
        masked).
        """
        rows = sorted(self.eval_dataset, key=lambda row: -len(row["input_ids"]))
        processes, rank, size = self.args.world_size, self.args.process_index, self.args.per_device_eval_batch_size
        for start in range(0, len(rows), size * processes):
            batch = rows[start : start + size * processes][rank::processes]
            if not batch:  # fewer rows than processes are left
                batch = [{**rows[start], "labels": [IGNORED] * len(rows[start]["labels"])}]
            yield self._prepare_inputs(self.data_collator(batch))

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        rows = self.train_dataset if train_dataset is None else train_dataset
        per_step = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return LengthGroupedOrder(
            [len(ids) for ids in rows["input_ids"]], self.args.train_batch_size, per_step, self.args.seed
        )

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """A checkpoint brings the learning rate that it was saved with; a resumed run goes by its own config."""
        super()._load_optimizer_and_scheduler(checkpoint)
        schedule = getattr(self.lr_scheduler, "scheduler", self.lr_scheduler)
        if checkpoint is None or not isinstance(schedule, LambdaLR):
            return
        schedule.base_lrs = [self.args.learning_rate] * len(schedule.base_lrs)
        rates = [
            base * rate(schedule.last_epoch) for base, rate in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)
        ]
        for group, rate in zip(schedule.optimizer.param_groups, rates, strict=True):
            group["initial_lr"], group["lr"] = self.args.learning_rate, rate
        schedule._last_lr = rates

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save, mark as complete, and only then delete older ones. TRL's model card is left out: it names a hub
        repository.

        Raises:
            DiskFullError: the checkpoint could not be written; what was written of it is deleted, and the last good one
                stays.
        """
        folder = checkpoint_dir(Path(self.args.output_dir), self.state.global_step)
        if self.step_report is not None:
            self.step_report.saves(self.state)
        try:
            super(SFTTrainer, self)._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                mark_complete(folder, self.state.global_step)
        except Exception as error:
            if not _is_write_failure(error):
                raise
            shutil.rmtree(folder, ignore_errors=True)
            last = last_complete(folder.parent)
            kept = f"{last.name} is whole and stays" if last else "there is no earlier one"
            raise DiskFullError(
                f"The checkpoint of step {self.state.global_step} could not be written ({str(error)[:160]}); {kept}."
                " Free some disk space, then `steptune resume`."
            ) from error
        if self.args.should_save:
            best = checkpoint_dir(folder.parent, self.state.best_global_step) if self.state.best_global_step else None
            keep_newest(folder.parent, self.checkpoints_kept, best)
        self.accelerator.wait_for_everyone()


def _is_write_failure(error: Exception) -> bool:
    """Whether saving failed at the file system: safetensors and tokenizers (Rust) and torch.save wrap the system's
    error in their own.
    """
    return isinstance(error, OSError) or any(
        mark in str(error) for mark in ("(os error ", "PytorchStreamWriter", "iostream")
    )
