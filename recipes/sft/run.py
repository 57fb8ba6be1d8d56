"""QLoRA fine-tuning: trains LoRA on a quantised base model and keeps the step with the lowest validation loss.

    accelerate launch --config_file accelerate_configs/single_gpu.yaml recipes/sft/run.py --run-dir DIR

Reads DIR/config.yaml (SftSettings) and the rows under `data`. Writes DIR/adapter/ (PEFT adapter, tokenizer, prompt
format, training.json) and DIR/checkpoints/, from which a second start with the same DIR goes on.
"""

from __future__ import annotations

from toolkit.models import fingerprint_model, resolve_model
from toolkit.prompting import PromptFormat
from toolkit.records import JSON
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.runs.recorder import is_main_process
from toolkit.settings import SftSettings
from toolkit.training.adapter import library_versions, save_adapter
from toolkit.training.finetune import TrainedAdapter, finetune, process_group
from toolkit.training.prepared import prepare


def main(settings: SftSettings, run: Run) -> Outcome:
    prepared = prepare(settings)
    train, validation, prompt_format = prepared.train, prepared.validation, prepared.prompt_format
    run.recorder.event("prompts_proven", rows=prepared.proof.rows_checked, prompt_format=prompt_format.name)
    if train.too_long or validation.too_long:
        run.recorder.event(
            "rows_too_long", max_length=settings.max_length, train=train.too_long, validation=validation.too_long
        )

    with process_group():
        trained = finetune(
            settings,
            train.rows,
            validation.rows,
            prepared.tokenizer,
            run.dir / "checkpoints",
            run.recorder,
        )
        if is_main_process():
            training = {
                **training_facts(settings, prompt_format, trained),
                "dataset_hash": prepared.rows.dataset_hash,
                "dataset_files": prepared.rows.files,
                "counts": prepared.counts(),
                "prompt_proof": prepared.proof.to_json(),
            }
            save_adapter(
                trained.checkpoint, settings.model, prepared.tokenizer, prompt_format, training, run.dir / "adapter"
            )
    headline = {
        "eval_loss": trained.eval_loss,
        "best_step": trained.best_step,
        "steps": trained.steps,
        "train_loss": trained.train_loss,
    }
    return Outcome({"adapter": run.dir / "adapter"}, headline)


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
