"""One frozen pydantic model per recipe: every option with its sentence of help and its unit.

The models are the only definition of an option: `--help`, the form of the New screen, the documentation and the check
of a YAML file come from them. Which of them a recipe has stands in its record (toolkit.catalog).
"""

from toolkit.settings.base import Settings
from toolkit.settings.data_build import DataBuildSettings
from toolkit.settings.evaluate import EvaluateSettings
from toolkit.settings.generate import GenerateSettings
from toolkit.settings.pipeline import PipelineSettings
from toolkit.settings.serve import ServeSettings
from toolkit.settings.sft import SftSettings

__all__ = [
    "DataBuildSettings",
    "EvaluateSettings",
    "GenerateSettings",
    "PipelineSettings",
    "ServeSettings",
    "Settings",
    "SftSettings",
]
