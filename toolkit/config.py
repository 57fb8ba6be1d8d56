"""From preset, file and command line to one checked settings object, with every problem reported at once.

Layers, later ones win: the preset's YAML, then `-c FILE`, then `KEY=VALUE`. A mapping may say `preset: NAME` to start
from that preset of its recipe; stage sections of a pipeline may as well. What YAML itself
reads in two ways is refused (`config_yaml`); `no` and `off` are left to the option that they are given to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from toolkit import catalog
from toolkit.config_problems import IS_REQUIRED, KeyPath, Origin, models_in, problems_of
from toolkit.config_yaml import compose_yaml, doubts
from toolkit.errors import ConfigError, Problem, SteptuneError
from toolkit.settings import Settings

SettingsT = TypeVar("SettingsT", bound=Settings)


@dataclass
class _Layers:
    """Values merged so far, where each key was last set, and what was wrong on the way."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def resolve(
    recipe: str, preset: str | None = None, config_file: Path | None = None, overrides: Iterable[str] = ()
) -> Settings:
    """The settings of a run. With neither preset nor file the preset `default` is taken.

    Raises:
        ConfigError: all unknown keys, wrong values and missing files together.
        UsageError: no such recipe or preset.
    """
    model, layers = catalog.find_recipe(recipe).settings, _Layers()
    if config_file is not None:
        _add_file(layers, recipe, config_file)
    else:
        _add_preset(layers, recipe, catalog.preset_path(recipe, preset or "default"))
    for override in overrides:
        _add_override(layers, recipe, override)
    source = str(config_file) if config_file is not None else f"the config of {recipe} ({preset or 'default'})"
    return _validate(model, layers, source, recipe)


def load_resolved(settings_type: type[SettingsT], path: Path) -> SettingsT:
    """The settings of a run folder's config.yaml, every option written out.

    Raises:
        ConfigError: the file is missing or damaged, or it was written for another version or edited.
    """
    recipe = catalog.recipe_of(settings_type).name
    layers = _Layers()
    _add_file(layers, recipe, path)
    return _validate(settings_type, layers, str(path), recipe)


def dump(settings: Settings) -> str:
    """The resolved config as YAML, every option written out."""
    return yaml.safe_dump(to_json(settings), sort_keys=False, allow_unicode=True, width=120)


def to_json(settings: Settings) -> dict[str, Any]:
    """All options as plain values; what a pipeline fills in later is left out."""
    filled_in = {section: set(options) for section, options in catalog.recipe_of(type(settings)).filled_in.items()}
    return settings.model_dump(mode="json", exclude=filled_in)


def _add_preset(layers: _Layers, recipe: str, path: Path) -> None:
    _add_file(layers, recipe, path, preset_of=recipe)


def _add_file(layers: _Layers, recipe: str, path: Path, preset_of: str | None = None) -> None:
    try:
        text = path.read_text(encoding="utf-8")
        node, value = compose_yaml(text)
    except FileNotFoundError:
        layers.problems.append(Problem("", "the file does not exist; give the path of a YAML file", str(path)))
        return
    except OSError as error:
        layers.problems.append(Problem("", f"cannot be read ({error.strerror}); make it readable", str(path)))
        return
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = str(Origin(path, mark.line + 1 if mark else None))
        layers.problems.append(
            Problem("", f"not valid YAML ({getattr(error, 'problem', None) or error}); correct the line", place)
        )
        return
    if value is None or node is None:
        return
    if not isinstance(value, dict):
        layers.problems.append(
            Problem("", f"found {type(value).__name__}, expected options as `name: value` lines", str(path))
        )
        return
    layers.problems += [Problem(found.key, found.message, str(Origin(path, found.line))) for found in doubts(node)]
    origins: dict[KeyPath, Origin] = {}
    _collect_lines(node, (), Origin(path, preset_of=preset_of), origins)
    _merge(layers, recipe, value, origins)


def _collect_lines(node: yaml.Node, at: KeyPath, file: Origin, origins: dict[KeyPath, Origin]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            origins[(*at, str(key.value))] = replace(file, line=key.start_mark.line + 1)
            _collect_lines(value, (*at, str(key.value)), file, origins)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            origins[(*at, index)] = replace(file, line=item.start_mark.line + 1)
            _collect_lines(item, (*at, index), file, origins)


def _add_override(layers: _Layers, recipe: str, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        layers.problems.append(Problem(override, "expected KEY=VALUE, for example learning_rate=1e-4", str(Origin())))
        return
    try:
        node, value = compose_yaml(text)
        layers.problems += [Problem(doubt.key, doubt.message, str(Origin())) for doubt in doubts(node, key)]
    except yaml.YAMLError:
        value = text  # a plain text with YAML's special characters in it, such as a path
    path = tuple(key.split("."))
    if isinstance(value, dict):
        _drop_mapping(layers.values, catalog.find_recipe(recipe).settings, path)
    nested: dict[str, Any] = {path[-1]: value}
    for part in reversed(path[:-1]):
        nested = {part: nested}
    _merge(layers, recipe, nested, {path[: depth + 1]: Origin() for depth in range(len(path))})


def _drop_mapping(values: dict[str, Any], model: type[BaseModel], path: tuple[str, ...]) -> None:
    """A mapping given whole (`predictions={tuned: FILE}`) takes the place of the earlier one; a section is laid over
    it.
    """
    *parents, name = path
    for parent in parents:
        inner = models_in(model.model_fields[parent].annotation) if parent in model.model_fields else []
        if not inner or not isinstance(values.get(parent), dict):
            return
        model, values = inner[0], values[parent]
    if name in model.model_fields and not models_in(model.model_fields[name].annotation):
        values.pop(name, None)


def _merge(layers: _Layers, recipe: str, value: dict[str, Any], origins: dict[KeyPath, Origin]) -> None:
    """Lay a mapping over the layers, after the presets that it or its stage sections start from."""
    value = dict(value)
    if "preset" in value:
        _start_from_preset(layers, recipe, value.pop("preset"), origins.get(("preset",)), ())
    for section, stage in catalog.find_recipe(recipe).sections.items():
        if isinstance(value.get(section), dict) and "preset" in value[section]:
            value[section] = dict(value[section])
            where = origins.get((section, "preset"))
            _start_from_preset(layers, stage, value[section].pop("preset"), where, (section,))
    _merge_values(layers.values, value)
    layers.origins.update(origins)


def _start_from_preset(layers: _Layers, recipe: str, preset: Any, where: Origin | None, prefix: KeyPath) -> None:
    try:
        path = catalog.preset_path(recipe, str(preset))
    except SteptuneError as error:
        layers.problems.append(Problem(".".join(map(str, (*prefix, "preset"))), str(error), str(where or "")))
        return
    sub = _Layers(problems=layers.problems)
    _add_preset(sub, recipe, path)
    target = layers.values
    for part in prefix:
        target = target.setdefault(str(part), {})
    # An earlier layer's explicit values stay above the preset only if that layer comes later; here the preset is the
    # later one.
    _merge_values(target, sub.values)
    layers.origins.update({(*prefix, *at): place for at, place in sub.origins.items()})


def _merge_values(target: dict[str, Any], value: dict[str, Any]) -> None:
    for key, item in value.items():
        if isinstance(item, dict) and isinstance(target.get(key), dict):
            _merge_values(target[key], item)
        else:
            target[key] = item


def _validate(model: type[SettingsT], layers: _Layers, source: str, recipe: str) -> SettingsT:
    problems = [*layers.problems, *_stage_problems(model, layers, recipe)]
    settings: SettingsT | None = None
    try:
        settings = model.model_validate(layers.values)
    except ValidationError as error:
        problems += problems_of(error, model, layers.origins)
    if problems or settings is None:
        raise ConfigError(problems, source)
    return settings


def _stage_problems(model: type[Settings], layers: _Layers, recipe: str) -> list[Problem]:
    """Options that a lone run must be given, and options that a pipeline fills in; those that only a preset gave are
    dropped.
    """
    problems = [
        Problem(key, IS_REQUIRED, is_missing=True) for key in model.required if layers.values.get(key) in (None, {}, "")
    ]
    record = catalog.find_recipe(recipe)
    for section, options in record.filled_in.items():
        given = layers.values.get(section)
        if not isinstance(given, dict):
            continue
        for key in options:
            # A stage's preset names its own model and data; in a pipeline those of the earlier stages rule.
            origin = layers.origins.get((section, key))
            if key in given and origin and origin.preset_of == record.sections[section]:
                del given[key]
            elif key in given:
                problems.append(
                    Problem(
                        f"{section}.{key}",
                        "is filled in by the pipeline from an earlier stage; remove it (the model is set by sft.model)",
                        str(origin or ""),
                    )
                )
    return problems
