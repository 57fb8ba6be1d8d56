"""The model of a run: what it trained or answered with, as options, from its config and its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit.catalog import STAGES
from toolkit.errors import ModelError, UsageError
from toolkit.options.asking import AskOptions
from toolkit.options.generation import AnswerOptions, TunedOptions
from toolkit.options.shared import ModelOptions, PromptOptions
from toolkit.records import JSON, read_json
from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.outputs import output_of

_SECTIONS = tuple(dict.fromkeys(stage.section for stage in STAGES if stage.kept_as not in ("dataset", "report")))
_GROUPS = (ModelOptions, TunedOptions, PromptOptions, AnswerOptions)
_TAKEN = tuple(dict.fromkeys(name for group in _GROUPS for name in group.model_fields if name != "adapter"))


def model_of(run: RunFolder, needs_adapter: bool = False) -> AskOptions:
    """Model, adapter, prompt format and sampling of a run; an adapter's own record names its base.

    Raises:
        UsageError: the run has no model, or no adapter and one is needed.
        ModelError: the adapter or its base is not there any more.
    """
    found = _options(run)
    values = {name: found[name] for name in _TAKEN if name in found}
    if adapter := _adapter(run, found):
        training = read_json(adapter / "training.json") or {}
        named = {"model": training.get("base_model"), "revision": training.get("revision")}
        values |= {"adapter": adapter, **{name: value for name, value in named.items() if value}}
    elif needs_adapter:
        raise UsageError(
            f"The run {run.id} ({run.recipe}) has no adapter; expected a run that trained one or answered with one."
        )
    if "model" not in values:
        raise UsageError(
            f"The run {run.id} ({run.recipe}) has no model that could answer; expected a run that trained one or"
            " answered with one."
        )
    _require_base(run, str(values["model"]))
    return AskOptions.model_validate(values)


def engine_of(run: RunFolder) -> JSON:
    """The engine's options by name with which a run answered; {} for one that did not. No server: it is another's."""
    found = _options(run).get("generator")
    left_out = ("server", "server_model", "data_parallel_size")
    return {name: value for name, value in found.items() if name not in left_out} if isinstance(found, dict) else {}


def _options(run: RunFolder) -> dict[str, Any]:
    """The options of a run; of a pipeline those of what trained and of how it was answered."""
    config = read_config(run)
    if config.problem:
        raise UsageError(config.problem)
    sections = [config.values, *(config.values.get(name) for name in _SECTIONS)]
    return {key: value for section in sections if isinstance(section, dict) for key, value in section.items()}


def _adapter(run: RunFolder, config: dict[str, Any]) -> Path | None:
    """The adapter that the run made, or else the one that it was given."""
    made = output_of(run, "adapter")
    if made is not None or not config.get("adapter"):
        return made
    given = Path(str(config["adapter"]))
    if not given.is_dir():
        raise ModelError(
            f"The run {run.id} answered with the adapter {given}, which is not there any more; put it back, or name"
            " the run that trained it."
        )
    return given


def _require_base(run: RunFolder, model: str) -> None:
    if model.startswith((".", "/", "~")) and not Path(model).expanduser().is_dir():
        raise ModelError(
            f"The model of {run.id} was the folder {model}, which is not there any more; put it back at this place."
            " Without its base an adapter is nothing that could answer."
        )
