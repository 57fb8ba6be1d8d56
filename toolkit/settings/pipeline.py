"""Settings of pipeline: the four stages in order, each with its own settings."""

from __future__ import annotations

from pydantic import Field

from toolkit.options.shared import ModelOptions, PromptOptions
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

    data: DataBuildSettings = Field(description="Settings of data-build.")
    sft: SftSettings = Field(default_factory=SftSettings, description="Settings of sft.")
    generate: GenerateSettings = Field(
        default_factory=GenerateSettings, description="Settings of generate, for both systems."
    )
    evaluate: EvaluateSettings = Field(default_factory=EvaluateSettings, description="Settings of evaluate.")
    reuse: bool = Field(
        True,
        description=(
            "Skip a stage whose inputs and settings did not change since an earlier pipeline in the runs folder."
        ),
    )

    def stages(self) -> tuple[DataBuildSettings, SftSettings, GenerateSettings, EvaluateSettings]:
        """The stages in order; generate with the model and prompt format that sft trains."""
        generate = self.generate.with_options(ModelOptions.of(self.sft), PromptOptions.of(self.sft))
        return self.data, self.sft, generate, self.evaluate

    @property
    def trained_or_asked_model(self) -> str:
        return self.sft.model
