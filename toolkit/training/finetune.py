"""One fine-tuning run: from token rows to the best adapter, resumable at every checkpoint."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from datasets import Dataset
from transformers import PreTrainedTokenizerBase
from transformers.trainer_callback import PrinterCallback
from trl import SFTConfig

from toolkit.errors import Cancelled
from toolkit.options.training import SftOptions, TrainOptions
from toolkit.planning.model_configs import find_model_config
from toolkit.planning.training_memory import evaluation_rows
from toolkit.planning.training_shape import TrainingShape, read_shape
from toolkit.runs.recorder import LOADING, Recorder
from toolkit.training.base_model import load_base_model, lora_config, require_targets
from toolkit.training.batches import BatchRows
from toolkit.training.checkpoints import checkpoint_dir, last_complete, remove_incomplete, require_same_adapter, step_of
from toolkit.training.hardware import Hardware, detect_hardware, out_of_memory_named, require_possible
from toolkit.training.progress import RunReport
from toolkit.training.tokens import TokenRow
from toolkit.training.trainer import CompletionTrainer


@dataclass(frozen=True)
class TrainedAdapter:
    """The outcome of a run. `checkpoint` holds the best step's adapter; losses are means per labelled token.

    `eval_loss_before` is the untrained model's; the two eval losses are None without validation rows.
    """

    checkpoint: Path
    best_step: int
    steps: int
    train_loss: float
    eval_loss: float | None
    eval_loss_before: float | None
    seconds: float
    early_stopped: bool


@contextmanager
def process_group() -> Iterator[None]:
    """Leave torch's process group tidily after an ended or cancelled run; a crash leaves that to the launcher."""
    try:
        yield
    except Cancelled:
        _leave_process_group()
        raise
    _leave_process_group()


def _leave_process_group() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def finetune(
    options: SftOptions,
    train_rows: list[TokenRow],
    validation_rows: list[TokenRow],
    tokenizer: PreTrainedTokenizerBase,
    checkpoints: Path,
    recorder: Recorder,
) -> TrainedAdapter:
    """Train LoRA on the base model; go on from the last complete checkpoint in `checkpoints`, if any.

    Call it in every process that `accelerate launch` started. Without validation rows the last step counts as the best.

    Raises:
        PreflightError: an option that this machine cannot do, or one that is still `auto`.
        ModelError: the checkpoints in `checkpoints` are of another base model or LoRA.
        Cancelled: a stop was asked for; a checkpoint of the step reached was saved.
        OutOfMemoryError: with what to change.
        DiskFullError: a checkpoint could not be written.
        SteptuneError: the loss or the gradient became NaN or infinite, or the loss exploded.
    """
    started_s = time.monotonic()
    hardware = detect_hardware()
    require_possible(hardware, options)
    # The configuration comes before the model: it opens the process group and tells transformers about ZeRO-3.
    config = sft_config(options, hardware, checkpoints, train_rows, validation_rows)
    recorder.check_stop()
    report = RunReport(recorder, options.early_stopping_patience)
    with out_of_memory_named(options, hardware):
        recorder.begin(LOADING)
        trainer = _trainer(options, config, hardware, train_rows, validation_rows, tokenizer, report)
        recorder.check_stop()
        _train(trainer, options.model, checkpoints, recorder)
    if report.stopped_at is not None:
        raise Cancelled(
            f"Stopped at step {report.stopped_at} of {trainer.state.max_steps} with a checkpoint saved; `steptune"
            " resume` goes on from there."
        )
    return _outcome(trainer, report, checkpoints, recorder, time.monotonic() - started_s)


def sft_config(
    options: SftOptions,
    hardware: Hardware,
    checkpoints: Path,
    train_rows: Sequence[TokenRow],
    validation_rows: Sequence[TokenRow],
) -> SFTConfig:
    """TRL's configuration of a run. Evaluations and checkpoints fall on the same steps, so that the best step has a
    checkpoint.
    """
    eval_steps = options.eval_steps or default_eval_steps(options, len(train_rows), _processes())
    validate = bool(validation_rows)
    return SFTConfig(
        output_dir=str(checkpoints),
        learning_rate=options.learning_rate,
        lr_scheduler_type=options.lr_scheduler_type,
        warmup_steps=options.warmup_ratio,  # below 1 it is a ratio
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        num_train_epochs=options.num_train_epochs,
        max_steps=options.max_steps or -1,
        per_device_train_batch_size=options.rows_per_device,
        per_device_eval_batch_size=_evaluation_rows(options, hardware, train_rows, validation_rows),
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        gradient_checkpointing=options.checkpointing,
        gradient_checkpointing_kwargs=(
            {"every_n_layers": options.recomputed_every} if options.recomputed_every > 1 else None
        ),
        optim=options.optim,
        max_length=options.max_length,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        shuffle_dataset=False,
        eval_strategy="steps" if validate else "no",
        eval_steps=eval_steps,
        eval_on_start=validate and last_complete(checkpoints) is None,
        save_strategy="steps",
        save_steps=eval_steps,
        metric_for_best_model="eval_loss" if validate else None,
        greater_is_better=False if validate else None,
        logging_steps=options.logging_steps,
        logging_nan_inf_filter=False,
        # A copy to the card that is waited for would stop it before each micro-batch.
        accelerator_config={"non_blocking": True},
        report_to=list(options.report_to) or "none",
        disable_tqdm=True,
        seed=options.seed,
        bf16=hardware.compute_dtype is torch.bfloat16,
        fp16=hardware.compute_dtype is torch.float16,
        use_cpu=hardware.on_cpu,
        # With a backend for one process accelerate would take DeepSpeed on CPU.
        ddp_backend="gloo" if hardware.on_cpu and _processes() > 1 else None,
        ddp_find_unused_parameters=False,
    )


def default_eval_steps(options: TrainOptions, train_rows: int, processes: int) -> int:
    """Two evaluations an epoch at most."""
    per_step = options.rows_per_device * options.gradient_accumulation_steps * processes
    return max(1, math.ceil(math.ceil(train_rows / per_step) / 2))


def _evaluation_rows(
    options: SftOptions, hardware: Hardware, train_rows: Sequence[TokenRow], validation_rows: Sequence[TokenRow]
) -> int:
    """Rows of a validation batch, within the memory of a training step."""
    known = read_shape(find_model_config(options.model, options.revision) or {})
    if known is None or not validation_rows:
        return options.rows_per_device
    longest, validated = (max(len(row.input_ids) for row in rows) for rows in (train_rows, validation_rows))
    step = TrainingShape(
        options, hardware.compute_dtype.itemsize, "cpu" if hardware.on_cpu else "cuda", longest=longest
    )
    return evaluation_rows(known, step, validated)


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _trainer(
    options: SftOptions,
    config: SFTConfig,
    hardware: Hardware,
    train_rows: list[TokenRow],
    validation_rows: list[TokenRow],
    tokenizer: PreTrainedTokenizerBase,
    report: RunReport,
) -> CompletionTrainer:
    model = load_base_model(options, hardware, options.attn_implementation, options.packing)
    require_targets(model, options)
    trainer = CompletionTrainer(
        model,
        args=config,
        data_collator=BatchRows(tokenizer.pad_token_id or 0, options.packing),  # padding is masked: any id will do
        train_dataset=_dataset(train_rows),
        eval_dataset=_dataset(validation_rows) if validation_rows else None,
        processing_class=tokenizer,
        peft_config=lora_config(options),
        callbacks=[report],
    )
    trainer.row_ids = tuple(row.id for row in train_rows)
    trainer.row_lengths = tuple(len(row.input_ids) for row in train_rows)
    trainer.step_report = report
    trainer.checkpoints_kept = options.save_total_limit
    trainer.remove_callback(PrinterCallback)  # RunReport prints
    if hardware.compute_dtype is not torch.bfloat16:
        # TRL casts LoRA on quantised weights to bf16, which T4 and AVX2 processors cannot compute in.
        for parameter in trainer.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
    return trainer


def _dataset(rows: list[TokenRow]) -> Dataset:
    columns = {
        "input_ids": [row.input_ids for row in rows],
        "labels": [row.labels for row in rows],
        "row": list(range(len(rows))),
    }
    return Dataset.from_dict(columns)


def _train(trainer: CompletionTrainer, base_model: str, checkpoints: Path, recorder: Recorder) -> None:
    """Train from the last complete checkpoint, or from the start."""
    resume_from = last_complete(checkpoints)
    if resume_from is not None:
        require_same_adapter(resume_from, trainer.model.peft_config["default"], base_model)
    trainer.accelerator.wait_for_everyone()
    if trainer.args.should_save:
        for name in remove_incomplete(checkpoints):
            recorder.event("checkpoint_removed", path=f"checkpoints/{name}", reason="half-written")
    trainer.accelerator.wait_for_everyone()
    if resume_from is not None:
        recorder.event("resumed", step=step_of(resume_from))
    trainer.train(resume_from_checkpoint=str(resume_from) if resume_from else None)


def _outcome(
    trainer: CompletionTrainer, report: RunReport, checkpoints: Path, recorder: Recorder, seconds: float
) -> TrainedAdapter:
    state = trainer.state
    best_step = state.best_global_step or state.global_step
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    validated: dict[int, Any] = {
        entry["step"]: entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry
    }
    recorder.event("best_step", step=best_step, eval_loss=validated.get(best_step))
    return TrainedAdapter(
        checkpoint=checkpoint_dir(checkpoints, best_step),
        best_step=best_step,
        steps=state.global_step,
        train_loss=sum(losses) / max(len(losses), 1),
        eval_loss=validated.get(best_step),
        eval_loss_before=validated.get(0),
        seconds=seconds,
        early_stopped=report.early_stopped,
    )
