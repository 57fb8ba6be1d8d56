"""What `steptune compare` adds for trainings: base, data, and whether their validation losses may be compared."""

from __future__ import annotations

from typing import Any

from toolkit.catalog import recipe_of_run
from toolkit.records import JSON, read_json
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.outputs import output_of


def training_rows(runs: list[RunFolder]) -> dict[str, list[Any]]:
    """Facts of each run's training.json by name, None where a run has none; {} unless all runs are trainings."""
    if not all(recipe_of_run(run.recipe).trains for run in runs):
        return {}
    found: list[JSON] = [_training(run) for run in runs]
    facts = [_facts(run, training) for run, training in zip(runs, found, strict=True)]
    return {name: [fact.get(name) for fact in facts] for name in facts[0]}


def _training(run: RunFolder) -> JSON:
    adapter = output_of(run, "adapter")
    return (read_json(adapter / "training.json") if adapter else None) or {}


def caution(rows: dict[str, list[Any]]) -> str:
    """Why the validation losses of these trainings do not compare; "" where they do."""
    for name, what in (
        ("data", "data"),
        ("base", "base models (and so perhaps their tokenizers)"),
        ("prompt format", "prompt formats"),
    ):
        values = [value for value in rows.get(name, []) if value is not None]
        if len(set(values)) > 1:
            return (
                f"The {what} differ: their validation losses are of different tokens and do not compare; generate and"
                " evaluate on one test split."
            )
    return ""


def _facts(run: RunFolder, training: JSON) -> dict[str, Any]:
    counts = training.get("counts", {}).get("train", {})
    speeds = [row["tokens_per_second"] for row in run.metrics() if "tokens_per_second" in row]
    return {
        "base": training.get("base_fingerprint", "")[:12] or None,
        "data": training.get("dataset_hash", "")[:12] or None,
        "prompt format": training.get("prompt_format"),
        "rows": counts.get("rows"),
        "learned tokens": counts.get("labelled_tokens"),
        "eval_loss_before": training.get("eval_loss_before"),
        "stopped early": training.get("early_stopped"),
        "tokens/s": round(sorted(speeds)[len(speeds) // 2], 1) if speeds else None,
        "seconds": training.get("seconds"),
    }
