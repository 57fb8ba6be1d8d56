"""Settings of sft: QLoRA fine-tuning of a causal language model on how-to pairs."""

from __future__ import annotations

from typing import ClassVar

from toolkit.options.training import MemoryOptions, ProgressOptions, ScheduleOptions, SftOptions
from toolkit.settings.base import Settings


class SftSettings(SftOptions, Settings):
    """QLoRA on prompt/completion pairs with loss on the completion only."""

    required: ClassVar[tuple[str, ...]] = ("data",)
    from_pipeline: ClassVar[tuple[str, ...]] = ("data",)
    # Not the optimiser itself: its state is in the checkpoint.
    changeable: ClassVar[tuple[str, ...]] = tuple(
        name
        for group in (MemoryOptions, ScheduleOptions, ProgressOptions)
        for name in group.model_fields
        if name != "optim"
    )

    @property
    def trained_or_asked_model(self) -> str:
        return self.model

    @property
    def training(self) -> SftOptions:
        return self
