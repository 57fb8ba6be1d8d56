"""The adapter's model card (README.md): what it is, from what it was trained, how well, and how to load it."""

from __future__ import annotations

from toolkit.options.training import SftOptions
from toolkit.training.record import TrainingRecord


def render_card(training: TrainingRecord) -> str:
    """Markdown with the hub's front matter."""
    options, prepared, trained = training.options, training.prepared, training.trained
    base = options.model
    on_hub = base.count("/") == 1 and not base.startswith((".", "/", "~"))
    front = [
        "---",
        *([f"base_model: {base}"] if on_hub else []),
        "library_name: peft",
        "pipeline_tag: text-generation",
        "tags: [how-to, lora, steptune]",
        "---",
    ]
    losses = [("before training", trained.eval_loss_before), ("kept step", trained.eval_loss)]
    rows = [
        ("Base model", f"{base}{' at ' + options.revision if options.revision else ''}"),
        ("Prompt format", prepared.prompt_format.name),
        (
            "Data",
            (
                f"{len(prepared.train.rows)} training rows, {len(prepared.validation.rows)} validation rows, SHA-256"
                f" `{prepared.rows.dataset_hash}`"
            ),
        ),
        ("Tokens", f"{prepared.train.tokens}, {prepared.train.labelled_tokens} of them learned"),
        (
            "Steps",
            (
                f"{trained.best_step} kept of {trained.steps}"
                f" trained{', stopped early' if trained.early_stopped else ''}"
            ),
        ),
        *((f"Validation loss, {name}", f"{loss:.4f}") for name, loss in losses if loss is not None),
        *_shown_options(options),
        ("Versions", ", ".join(f"{name} {version}" for name, version in training.versions.items())),
    ]
    table = [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows]
    return "\n".join(
        [*front, "", "# Adapter", "", _SUMMARY, "", "| | |", "|---|---|", *table, "", _USE, "", _LIMITS, ""]
    )


def _shown_options(options: SftOptions) -> list[tuple[str, object]]:
    modules = options.target_modules
    return [
        ("quantization", options.quantization),
        ("lora_r", options.lora_r),
        ("lora_alpha", options.lora_alpha),
        ("lora_dropout", options.lora_dropout),
        ("target_modules", modules if isinstance(modules, str) else list(modules)),
        ("use_dora", options.use_dora),
        ("use_rslora", options.use_rslora),
        ("learning_rate", options.learning_rate),
        ("lr_scheduler_type", options.lr_scheduler_type),
        ("max_length", options.max_length),
        ("seed", options.seed),
    ]


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


_SUMMARY = (
    "A LoRA adapter that makes its base model answer how-to questions with numbered steps. Trained with steptune; the"
    " loss was on the answers alone."
)
_USE = (
    "Use it with `steptune run generate adapter=FOLDER`, or merge it first: `steptune merge FOLDER --out MODEL`."
    " `prompt_format.json` holds the prompt that was trained; other prompts give other answers."
)
_LIMITS = (
    "The validation loss chose the step, so it is not a result: `steptune run evaluate` measures on rows that were"
    " never seen. The base model's licence applies to what is derived from it."
)
