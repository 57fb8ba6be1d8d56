"""Settings of evaluate: predictions of several systems against the human references."""

from __future__ import annotations

from typing import ClassVar

from toolkit.options.evaluation import EvaluateOptions
from toolkit.settings.base import Settings


class EvaluateSettings(EvaluateOptions, Settings):
    """Metrics with floors and intervals, paired comparisons, report."""

    required: ClassVar[tuple[str, ...]] = ("predictions", "data")
    from_pipeline: ClassVar[tuple[str, ...]] = ("predictions", "data", "split", "max_rows", "adapter", "guard")

    @property
    def loaded_models(self) -> tuple[str, ...]:
        return (self.bertscore_model, *([self.contamination_model] if self.contamination_model else []))
