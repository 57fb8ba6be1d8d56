"""QLoRA fine-tuning: trains LoRA on a quantised base model and keeps the step with the lowest validation loss.

    accelerate launch --config_file accelerate_configs/single_gpu.yaml recipes/sft/run.py --run-dir DIR

Reads DIR/config.yaml (SftSettings) and the rows under `data`. Writes DIR/adapter/ (PEFT adapter, tokenizer, prompt
format, training.json) and DIR/checkpoints/, from which a second start with the same DIR goes on.
"""

from __future__ import annotations

from toolkit.downloads import local_model
from toolkit.models import resolve_model
from toolkit.runs.recipe import Outcome, Run, run_recipe
from toolkit.runs.recorder import is_main_process
from toolkit.settings import SftSettings


def main(settings: SftSettings, run: Run) -> Outcome:
    local_model(resolve_model(settings.model), settings.revision, recorder=run.recorder)
    # torch and what lies on it load for many seconds: a wrong config is told before, and a stop is heard meanwhile.
    from toolkit.training.adapter import save_adapter
    from toolkit.training.finetune import finetune, process_group
    from toolkit.training.prepared import prepare
    from toolkit.training.record import TrainingRecord

    run.recorder.check_stop()  # what was asked while libraries loaded is heard before the model does
    prepared = prepare(settings)
    train, validation = prepared.train, prepared.validation
    run.recorder.event("prompts_proven", rows=prepared.proof.rows_checked, prompt_format=prepared.prompt_format.name)
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
            save_adapter(TrainingRecord(settings, prepared, trained), run.dir / "adapter")
    headline = {
        "eval_loss": trained.eval_loss,
        "best_step": trained.best_step,
        "steps": trained.steps,
        "train_loss": trained.train_loss,
    }
    return Outcome({"adapter": run.dir / "adapter"}, headline)


if __name__ == "__main__":
    run_recipe(SftSettings, main)
