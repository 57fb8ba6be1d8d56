"""TRL's SFTTrainer with the parts that steptune needs to be exact: loss, validation loss, order, checkpoints, NaN guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.utils.data import Sampler
from transformers import PreTrainedModel, TrainerControl
from trl import SFTTrainer

from toolkit.errors import SteptuneError
from toolkit.training.checkpoints import checkpoint_dir, keep_newest, mark_complete
from toolkit.training.labelled_head import add_labelled_head, supports_labelled_head
from toolkit.training.order import LengthGroupedOrder
from toolkit.training.tokens import IGNORED


class CompletionTrainer(SFTTrainer):
    """SFTTrainer on rows that are already tokenised and labelled.

    It validates by the mean over all labelled tokens, which depends on neither batch size nor number of processes;
    keeps `checkpoints_kept` checkpoints besides the best one; and stops at the first loss that is not a number.
    """

    checkpoints_kept: int = 2
    control: TrainerControl

    def __init__(self, model: PreTrainedModel, *args: Any, **kwargs: Any) -> None:
        self.labelled_head = False
        super().__init__(model, *args, **kwargs)
        base = self.model.get_base_model()
        self.labelled_head = self.args.device.type == "cpu" and supports_labelled_head(base)
        if self.labelled_head:
            add_labelled_head(base)

    def compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        """Mean loss over the labelled tokens of the whole optimiser step (`num_items_in_batch`, all processes)."""
        if not self.labelled_head:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        summed = model(**inputs, labelled_head=True)
        if num_items_in_batch is None:
            return summed / (inputs["labels"] != IGNORED).sum().clamp(min=1)
        # The gradient is averaged over processes afterwards, but each process divides by the tokens of all.
        return summed * self.accelerator.num_processes / num_items_in_batch

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            step = self.state.global_step + 1
            raise SteptuneError(
                f"Step {step}: the loss became {loss.item()}. Nothing of this step was kept; lower learning_rate, raise warmup_ratio or look at the rows of this step."
            )
        return loss

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> dict[str, float]:
        """`eval_loss`: negative log-likelihood per labelled token, over all validation rows of all processes."""
        model = self.accelerator.prepare_model(self.model, evaluation_mode=True) if self.model_wrapped is self.model else self.model_wrapped
        training = model.training
        model.eval()
        totals = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        with torch.no_grad():
            for batch in self._validation_batches():
                tokens = (batch["labels"][:, 1:] != IGNORED).sum()
                with self.compute_loss_context_manager():
                    loss = self.compute_loss(model, batch, num_items_in_batch=None)
                totals += torch.stack([loss.double() * tokens, tokens.double()])
        if dist.is_initialized():
            dist.all_reduce(totals)
        self._metrics["eval"].clear()
        metrics = {f"{metric_key_prefix}_loss": (totals[0] / totals[1]).item()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        model.train(training)
        return metrics

    def _validation_batches(self) -> Any:
        """This process's share of the validation rows, longest first; all processes get as many batches (some fully masked)."""
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
        return LengthGroupedOrder([len(ids) for ids in rows["input_ids"]], self.args.train_batch_size, per_step, self.args.seed)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save, mark as complete, and only then delete older ones. TRL's model card is left out: it names a hub repository."""
        super(SFTTrainer, self)._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            folder = Path(self.args.output_dir)
            mark_complete(checkpoint_dir(folder, self.state.global_step), self.state.global_step)
            best = checkpoint_dir(folder, self.state.best_global_step) if self.state.best_global_step else None
            keep_newest(folder, self.checkpoints_kept, best)
        self.accelerator.wait_for_everyone()
