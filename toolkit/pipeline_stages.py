"""The stages of a pipeline in the order in which they run. Imports nothing of steptune: screens list them as well."""

from __future__ import annotations

from typing import NamedTuple


class PipelineStage(NamedTuple):
    """A stage by name, the recipe that it runs, and the section of the pipeline's settings that it takes."""

    name: str
    recipe: str
    section: str


STAGES = (
    PipelineStage("data-build", "data-build", "data"),
    PipelineStage("sft", "sft", "sft"),
    PipelineStage("generate-baseline", "generate", "generate"),
    PipelineStage("generate-tuned", "generate", "generate"),
    PipelineStage("evaluate", "evaluate", "evaluate"),
)
STAGE_NAMES = tuple(stage.name for stage in STAGES)
SECTIONS = {stage.section: stage.recipe for stage in STAGES}
