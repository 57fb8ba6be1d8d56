"""The adapter's model card (README.md): what it is, from what it was trained, how well, and how to load it."""

from __future__ import annotations

from toolkit.records import JSON

SHOWN_SETTINGS = (
    "quantization",
    "lora_r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "use_dora",
    "use_rslora",
    "learning_rate",
    "lr_scheduler_type",
    "max_length",
    "seed",
)


def render_card(training: JSON) -> str:
    """Markdown with the hub's front matter, from the content of training.json."""
    base, settings, counts = str(training["base_model"]), training["settings"], training["counts"]
    on_hub = base.count("/") == 1 and not base.startswith((".", "/", "~"))
    front = [
        "---",
        *([f"base_model: {base}"] if on_hub else []),
        "library_name: peft",
        "pipeline_tag: text-generation",
        "tags: [how-to, lora, steptune]",
        "---",
    ]
    losses = [("before training", training["eval_loss_before"]), ("kept step", training["eval_loss"])]
    rows = [
        ("Base model", f"{base}{' at ' + str(training['revision']) if training.get('revision') else ''}"),
        ("Prompt format", training["prompt_format"]),
        (
            "Data",
            (
                f"{counts['train']['rows']} training rows, {counts['validation']['rows']} validation rows, SHA-256"
                f" `{training['dataset_hash']}`"
            ),
        ),
        ("Tokens", f"{counts['train']['tokens']}, {counts['train']['labelled_tokens']} of them learned"),
        (
            "Steps",
            (
                f"{training['best_step']} kept of {training['steps']}"
                f" trained{', stopped early' if training['early_stopped'] else ''}"
            ),
        ),
        *((f"Validation loss, {name}", f"{loss:.4f}") for name, loss in losses if loss is not None),
        *((name, settings[name]) for name in SHOWN_SETTINGS if name in settings),
        ("Versions", ", ".join(f"{name} {version}" for name, version in training["versions"].items())),
    ]
    table = [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows]
    return "\n".join(
        [*front, "", "# Adapter", "", _SUMMARY, "", "| | |", "|---|---|", *table, "", _USE, "", _LIMITS, ""]
    )


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
