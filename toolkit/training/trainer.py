"""TRL's SFTTrainer with the parts that steptune needs to be exact: loss, validation loss, order, checkpoints, NaN
guard.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.utils.data import Sampler
from transformers import PreTrainedModel, TrainerControl
from trl import SFTTrainer

from toolkit.errors import DiskFullError
from toolkit.training.checkpoints import checkpoint_dir, keep_newest, last_complete, mark_complete
from toolkit.training.labelled_head import add_labelled_head, supports_labelled_head
from toolkit.training.loss_guard import check_gradient, check_loss
from toolkit.training.order import LengthGroupedOrder
from toolkit.training.tokens import IGNORED


class CompletionTrainer(SFTTrainer):
    """SFTTrainer on rows that are already tokenised and labelled, in batches of `BatchRows`.

    It validates by the mean over all labelled tokens, which depends on neither batch size nor number of processes;
    keeps `checkpoints_kept` checkpoints besides the best one; stops at the first loss that is not a number, and names
    its rows by `row_ids`. `on_labelled` gets the number of labelled tokens of each optimiser step.
    """

    checkpoints_kept: int = 2
    row_ids: tuple[str, ...] = ()
    on_labelled: Callable[[int], None] | None = None
    control: TrainerControl

    def __init__(self, model: PreTrainedModel, *args: Any, **kwargs: Any) -> None:
        self.labelled_head = False
        self.rows_of_step: list[str] = []
        super().__init__(model, *args, **kwargs)
        base = self.model.get_base_model()
        self.labelled_head = self.args.device.type == "cpu" and supports_labelled_head(base)
        if self.labelled_head:
            add_labelled_head(base)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean loss over the labelled tokens of the whole optimiser step (`num_items_in_batch`, all processes)."""
        inputs = {name: value for name, value in inputs.items() if name != "row"}
        if not self.labelled_head:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        summed = model(**inputs, labelled_head=True)
        if num_items_in_batch is None:
            return summed / (inputs["labels"] != IGNORED).sum().clamp(min=1)
        # The gradient is averaged over processes afterwards, but each process divides by the tokens of all.
        return summed * self.accelerator.num_processes / num_items_in_batch

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        batches, labelled = super().get_batch_samples(*args, **kwargs)
        self.rows_of_step = []
        if self.on_labelled is not None and labelled is not None:
            self.on_labelled(int(labelled))
        return batches, labelled

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        rows = [self.row_ids[index] for index in inputs["row"].tolist()] if self.row_ids else []
        self.rows_of_step += rows
        learned = (inputs["labels"][:, 1:] != IGNORED).sum()
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        items = learned if num_items_in_batch is None else num_items_in_batch / self.accelerator.num_processes
        per_token = loss * items / learned.to(loss.device).clamp(min=1)
        check_loss(self.state.global_step + 1, loss, per_token, self.model.config.get_text_config().vocab_size, rows)
        return loss

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm)
        check_gradient(self.state.global_step + 1, float(norm), self.rows_of_step)
        return norm

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

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save, mark as complete, and only then delete older ones. TRL's model card is left out: it names a hub
        repository.

        Raises:
            DiskFullError: the checkpoint could not be written; what was written of it is deleted, and the last good one
                stays.
        """
        folder = checkpoint_dir(Path(self.args.output_dir), self.state.global_step)
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
