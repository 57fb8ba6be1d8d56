"""Settings of evaluate: predictions of several systems against the human references."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from toolkit.settings.base import ExistingPath, OptionalCount, OptionalPath, Settings


class EvaluateSettings(Settings):
    """Metrics with floors and intervals, paired comparisons, report."""

    required: ClassVar[tuple[str, ...]] = ("predictions", "data")
    from_pipeline: ClassVar[tuple[str, ...]] = ("predictions", "data", "split", "max_rows", "adapter")

    predictions: dict[str, ExistingPath] = Field(default_factory=dict, description="Predictions file of each system, for example baseline and tuned.")
    data: OptionalPath = Field(None, description="Data set folder, or a JSONL file with the references.")
    split: Literal["test", "validation", "train"] = Field("test", description="Split that holds the references where data is a data set folder.")
    max_rows: OptionalCount = Field(None, description="Evaluate only the first rows, where generate answered only those; all if left out.")
    adapter: OptionalPath = Field(None, description="Adapter folder of the tuned system; its training.json goes into the model card.")

    rouge_tokenizer: Literal["ascii", "unicode"] = Field(
        "ascii", description="Word splitting of ROUGE-L: ascii is rouge-score's, unicode keeps all letters."
    )
    markers: Literal["strip", "keep"] = Field("strip", description="Strip list markers before ROUGE-L and BERTScore; keep gives the plain numbers.")
    bertscore_model: str = Field("roberta-large", description="Encoder of BERTScore: a hub id, a folder, or embedded:all-minilm-l6-v2.")
    bertscore_layer: OptionalCount = Field(
        None, description="Hidden layer that is compared; bert-score's choice for hub models that it knows, else the last."
    )
    bertscore_batch_size: int = Field(32, ge=1, description="Texts encoded at once.")
    min_steps: int = Field(2, ge=1, description="Fewest steps of an answer in the right format.")
    max_steps: int = Field(15, ge=1, description="Most steps of an answer in the right format.")
    bootstrap_samples: int = Field(10_000, ge=100, description="Resamples behind each 95 % interval.")
    seed: int = Field(17, ge=0, description="Seed of the bootstrap and of the floors.")

    @model_validator(mode="after")
    def _step_range_is_not_empty(self) -> EvaluateSettings:
        if self.min_steps > self.max_steps:
            raise ValueError(f"min_steps ({self.min_steps}) is larger than max_steps ({self.max_steps}); no answer could conform")
        return self
