"""training.json: from what an adapter was trained, how, and how well."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit.models import fingerprint_model, resolve_model
from toolkit.options.training import SftOptions
from toolkit.records import JSON

if TYPE_CHECKING:
    from toolkit.training.finetune import TrainedAdapter
    from toolkit.training.prepared import Prepared

VERSIONED = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes", "deepspeed", "datasets")


def library_versions() -> dict[str, str]:
    """Versions of the libraries that shape the result; those not installed are left out."""
    versions = {}
    for name in VERSIONED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


@dataclass(frozen=True)
class TrainingRecord:
    """A finished training: its options, the rows it learned from, its outcome, the libraries of this process."""

    options: SftOptions
    prepared: Prepared
    trained: TrainedAdapter
    versions: dict[str, str] = field(default_factory=library_versions)

    def to_json(self) -> JSON:
        """The content of training.json."""
        options, prepared, trained = self.options, self.prepared, self.trained
        return {
            "base_model": options.model,
            "revision": options.revision,
            "base_fingerprint": fingerprint_model(resolve_model(options.model)),
            "quantization": options.quantization,
            "prompt_format": prepared.prompt_format.name,
            "settings": options.model_dump(mode="json"),
            "best_step": trained.best_step,
            "steps": trained.steps,
            "early_stopped": trained.early_stopped,
            "train_loss": trained.train_loss,
            "eval_loss": trained.eval_loss,
            "eval_loss_before": trained.eval_loss_before,
            "seconds": round(trained.seconds, 1),
            "versions": self.versions,
            "dataset_hash": prepared.rows.dataset_hash,
            "dataset_files": prepared.rows.files,
            "counts": prepared.counts(),
            "prompt_proof": prepared.proof.to_json(),
        }
