"""QLoRA fine-tuning: trains LoRA on a quantised base model and keeps the step with the lowest validation loss.

    accelerate launch --config_file accelerate_configs/single_gpu.yaml recipes/sft/run.py --run-dir DIR

Reads DIR/config.yaml (SftSettings) and the rows under `data`. Writes DIR/adapter/ (PEFT adapter, tokenizer, prompt format,
training.json) and DIR/checkpoints/, from which a second start with the same DIR goes on.
"""

from __future__ import annotations

from toolkit.errors import PreflightError
from toolkit.models import fingerprint_model, resolve_model
from toolkit.prompting import PromptFormat, choose_format
from toolkit.records import JSON
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.runs.recorder import is_main_process
from toolkit.settings import SftSettings
from toolkit.training.adapter import library_versions, save_adapter
from toolkit.training.base_model import load_tokenizer
from toolkit.training.finetune import TrainedAdapter, finetune, process_group
from toolkit.training.options import BaseModelOptions, LoraOptions, TrainOptions
from toolkit.training.rows import load_rows
from toolkit.training.tokens import prove_prompts, tokenise


def main(settings: SftSettings, run: Run) -> Outcome:
    if settings.data is None:
        raise PreflightError("data: give a data set folder, a folder of JSONL files or one JSONL file.")
    base = base_options(settings)
    rows = load_rows(settings.data, settings.validation_share)
    tokenizer = load_tokenizer(base)
    prompt_format = choose_format(settings.prompt_format, resolve_model(base.name), tokenizer)
    train = tokenise(rows.train, prompt_format, tokenizer, settings.max_length, "training")
    validation = tokenise(rows.validation, prompt_format, tokenizer, settings.max_length, "validation")
    proof = prove_prompts(rows.train, train.rows, prompt_format, tokenizer)
    run.recorder.event("prompts_proven", rows=proof.rows_checked, prompt_format=prompt_format.name)
    if train.too_long or validation.too_long:
        run.recorder.event("rows_too_long", max_length=settings.max_length, train=train.too_long, validation=validation.too_long)

    with process_group():
        trained = finetune(
            base, lora_options(settings), train_options(settings), train.rows, validation.rows, tokenizer, run.dir / "checkpoints", run.recorder
        )
        if is_main_process():
            training = {
                **training_facts(settings, prompt_format, trained),
                "dataset_hash": rows.dataset_hash,
                "dataset_files": rows.files,
                "counts": {"train": train.counts(), "validation": validation.counts()},
                "prompt_proof": proof.to_json(),
            }
            save_adapter(trained.checkpoint, base.name, tokenizer, prompt_format, training, run.dir / "adapter")
    headline = {"eval_loss": trained.eval_loss, "best_step": trained.best_step, "steps": trained.steps, "train_loss": trained.train_loss}
    return Outcome({"adapter": run.dir / "adapter"}, headline)


def base_options(settings: SftSettings) -> BaseModelOptions:
    return BaseModelOptions(settings.model, settings.revision, settings.trust_remote_code, settings.quantization)


def lora_options(settings: SftSettings) -> LoraOptions:
    return LoraOptions(settings.lora_r, settings.alpha, settings.lora_dropout, settings.target_modules, settings.use_rslora, settings.use_dora)


def train_options(settings: SftSettings) -> TrainOptions:
    return TrainOptions(
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.lr_scheduler_type,
        warmup_ratio=settings.warmup_ratio,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        num_train_epochs=settings.num_train_epochs,
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.per_device_train_batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        max_length=settings.max_length,
        packing=settings.packing,
        gradient_checkpointing=settings.gradient_checkpointing,
        optim=settings.optim,
        eval_steps=settings.eval_steps,
        early_stopping_patience=settings.early_stopping_patience,
        logging_steps=settings.logging_steps,
        save_total_limit=settings.save_total_limit,
        report_to=settings.report_to,
        seed=settings.seed,
    )


def training_facts(settings: SftSettings, prompt_format: PromptFormat, trained: TrainedAdapter) -> JSON:
    """The part of training.json that comes from the settings and the result."""
    return {
        "base_model": settings.model,
        "revision": settings.revision,
        "base_fingerprint": fingerprint_model(resolve_model(settings.model)),
        "quantization": settings.quantization,
        "prompt_format": prompt_format.name,
        "settings": settings.model_dump(mode="json"),
        "best_step": trained.best_step,
        "steps": trained.steps,
        "early_stopped": trained.early_stopped,
        "train_loss": trained.train_loss,
        "eval_loss": trained.eval_loss,
        "eval_loss_before": trained.eval_loss_before,
        "seconds": round(trained.seconds, 1),
        "versions": library_versions(),
    }


if __name__ == "__main__":
    run_recipe(SftSettings, main)
