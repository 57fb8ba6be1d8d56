"""Settings of pipeline: the four stages in order, each with its own settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from toolkit.options.evaluation import EvidenceOptions, PredictionsOptions
from toolkit.options.generation import SystemOptions
from toolkit.options.shared import HeldOutOptions, ModelOptions, PromptOptions
from toolkit.options.training import TrainingDataOptions
from toolkit.settings.base import Settings
from toolkit.settings.data_build import DataBuildSettings
from toolkit.settings.evaluate import EvaluateSettings
from toolkit.settings.generate import GenerateSettings
from toolkit.settings.sft import SftSettings


class PipelineSettings(Settings):
    """data-build, sft, generate (baseline and tuned) and evaluate; unchanged stages are skipped.

    Options that an earlier stage makes (`from_pipeline` of each stage: data, model, adapter, predictions) are filled in
    when that stage is done and refused here.
    """

    changeable: ClassVar[tuple[str, ...] | None] = None  # by the keys of its stages

    data: DataBuildSettings = Field(description="Settings of data-build.")
    sft: SftSettings = Field(default_factory=SftSettings, description="Settings of sft.")
    generate: GenerateSettings = Field(
        default_factory=GenerateSettings, description="Settings of generate, for both systems."
    )
    evaluate: EvaluateSettings = Field(default_factory=EvaluateSettings, description="Settings of evaluate.")
    few_shot: bool = Field(
        False,
        description=(
            "Answer with the untuned model with rows of train in its prompt as well, as the system few_shot (options"
            " generate.shots and generate.shots_by)."
        ),
    )
    reuse: bool = Field(
        True,
        description=(
            "Skip a stage whose inputs and settings did not change since an earlier pipeline in the runs folder."
        ),
    )

    def stage_settings(self) -> dict[str, Settings]:
        """The sections in order; generate with the model and prompt format that sft trains."""
        generate = self.generate.with_options(ModelOptions.of(self.sft), PromptOptions.of(self.sft))
        return {"data": self.data, "sft": self.sft, "generate": generate, "evaluate": self.evaluate}

    def stage(self, name: str, made: Mapping[str, Path]) -> Settings:
        """The settings of a stage with the outputs of those before it filled in, by the names that the pipeline records
        them under.
        """
        if name == "data-build":
            return self.data
        dataset = made["dataset"]
        if name == "sft":
            return self.sft.with_options(TrainingDataOptions(data=dataset))
        adapter = made["adapter"]
        if name == "evaluate":
            systems = ("baseline", *(["few_shot"] if self.few_shot else []), "tuned")  # the verdict is about the last
            predictions = {system: made[f"predictions_{system}"] for system in systems}
            guarded = ("baseline", "tuned") if self.generate.guard_items else ()
            guard = {system: made[f"guard_{system}"] for system in guarded}
            return self.evaluate.with_options(
                HeldOutOptions.of(self.generate),
                HeldOutOptions(data=dataset),
                PredictionsOptions(predictions=predictions),
                EvidenceOptions(adapter=adapter, guard=guard),
            )
        system = SystemOptions(adapter=adapter if name == "generate-tuned" else None)
        if self.few_shot and name == "generate-baseline":
            system = SystemOptions(adapter=None, systems=["baseline", "few_shot"])
        return self.stage_settings()["generate"].with_options(HeldOutOptions(data=dataset), system)

    @property
    def trained_or_asked_model(self) -> str:
        return self.sft.model

    @property
    def loaded_models(self) -> tuple[str, ...]:
        return tuple(model for stage in self.stage_settings().values() for model in stage.loaded_models)
