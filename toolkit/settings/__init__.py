"""One frozen pydantic model per recipe: every option with its sentence of help and its unit.

The models are the only definition of an option: `--help`, the form of the New screen, the documentation and the check
of a YAML file come from them. `SETTINGS` maps a recipe's name to its model.
"""

from toolkit.settings.base import Settings
from toolkit.settings.data_build import DataBuildSettings
from toolkit.settings.evaluate import EvaluateSettings
from toolkit.settings.generate import GenerateSettings
from toolkit.settings.pipeline import PipelineSettings
from toolkit.settings.sft import SftSettings

SETTINGS: dict[str, type[Settings]] = {
    "data-build": DataBuildSettings,
    "sft": SftSettings,
    "generate": GenerateSettings,
    "evaluate": EvaluateSettings,
    "pipeline": PipelineSettings,
}

__all__ = [
    "SETTINGS",
    "DataBuildSettings",
    "EvaluateSettings",
    "GenerateSettings",
    "PipelineSettings",
    "Settings",
    "SftSettings",
]
