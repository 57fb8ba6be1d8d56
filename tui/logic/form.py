"""The form of a recipe, made from its settings model: fields with help, and the state of filling it in.

What the user changed is kept as texts by dotted name, exactly as `steptune run RECIPE --preset NAME KEY=TEXT` takes
them: checking the form and the command line is the same call.
"""

from __future__ import annotations

import shlex
import time
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from toolkit import config
from toolkit.errors import ConfigError, Problem, SteptuneError
from toolkit.records import JSON
from toolkit.settings import SETTINGS, Settings
from tui.logic.run_row import flatten
from tui.logic.values import is_same, parsed, value_text, with_bundled

Kind = Literal["text", "number", "switch", "choice", "list"]


@dataclass(frozen=True)
class Field:
    """One option: `key` is its dotted name, `section` the part of the form that it stands in."""

    key: str
    section: str
    kind: Kind
    help: str
    choices: tuple[str, ...] = ()
    required: bool = False

    @property
    def name(self) -> str:
        return self.key.removeprefix(f"{self.section}.") if self.section else self.key


@dataclass(frozen=True)
class Section:
    """`title` is the dotted name of a nested model, "" for the recipe's own options."""

    title: str
    help: str
    fields: tuple[Field, ...]


def sections(recipe: str) -> tuple[Section, ...]:
    """The form of a recipe. Options that a pipeline fills in by itself are left out of its form."""
    hidden: set[str] = set()
    if recipe == "pipeline":
        from toolkit.settings.pipeline import STAGE_FIELDS

        hidden = {f"{name}.{key}" for name, stage in STAGE_FIELDS.items() for key in SETTINGS[stage].from_pipeline}
    found = list(_sections(SETTINGS[recipe], "", "", hidden))
    return tuple(section for section in found if section.fields)


def _sections(model: type[BaseModel], prefix: str, help_text: str, hidden: set[str]) -> Iterator[Section]:
    required = set(getattr(model, "required", ()))
    own: list[Field] = []
    inner: list[tuple[type[BaseModel], str, str]] = []
    title = prefix.rstrip(".")
    for name, info in model.model_fields.items():
        key = f"{prefix}{name}"
        if key in hidden:
            continue
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            inner.append((annotation, f"{key}.", info.description or ""))
            continue
        needs = (info.default is PydanticUndefined and info.default_factory is None) or (name in required and key not in hidden)
        kind, choices = _kind(annotation)
        own.append(Field(key, title, kind, info.description or "", choices, needs))
    yield Section(title, help_text, tuple(own))
    for inner_model, inner_prefix, inner_help in inner:
        yield from _sections(inner_model, inner_prefix, inner_help, hidden)


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    options = _unwrapped(annotation)
    if len(options) > 1:
        kinds = [_kind(option) for option in options]
        return next((kind for kind in kinds if kind[0] == "list"), kinds[0])
    option = options[0] if options else str
    origin = get_origin(option)
    if origin is Literal:
        return "choice", tuple(str(choice) for choice in get_args(option))
    if origin in (tuple, list, dict, set):
        literals = [choice for inner in get_args(option) for choice in _unwrapped(inner) if get_origin(choice) is Literal]
        return "list", tuple(str(choice) for literal in literals for choice in get_args(literal))
    if option is bool:
        return "switch", ("true", "false")
    return ("number", ()) if option in (int, float) else ("text", ())


def _unwrapped(annotation: Any) -> list[Any]:
    """The types that a value may have, without None and without Annotated."""
    if get_origin(annotation) is Annotated:
        return _unwrapped(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for argument in get_args(annotation) for inner in _unwrapped(argument)]
    return [] if annotation is type(None) else [annotation]


@dataclass
class Form:
    """A recipe being filled in, from a preset or from the config of an earlier run (`config_file`)."""

    recipe: str
    preset: str | None = None
    config_file: Path | None = None
    on: str | None = None
    changes: dict[str, str] = field(default_factory=dict)
    base: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sections = sections(self.recipe)
        self.fields = {item.key: item for section in self.sections for item in section.fields}
        self.base = self.base or with_bundled(self._base_values())

    @property
    def source(self) -> str:
        """What the form started from, for people."""
        return f"preset {self.preset}" if self.preset else f"run {self.config_file.parent.name}" if self.config_file else "preset default"

    def _base_values(self) -> dict[str, Any]:
        if self.config_file is not None:
            return {**self._defaults(), **_yaml_values(self.config_file)}
        overrides: list[str] = []
        for _attempt in range(2):
            try:
                settings = config.resolve(self.recipe, self.preset, None, overrides)
                values = flatten(config.to_json(settings, self.recipe))
                return {**values, **{name.partition("=")[0]: None for name in overrides}}
            except ConfigError as error:
                # Options that only a user can give are filled with something that exists, to learn all the others.
                overrides = [f"{problem.key}={_placeholder(problem.key)}" for problem in error.problems if "is required" in problem.message]
        return self._defaults()

    def _defaults(self) -> dict[str, Any]:
        return {key: _default(self.recipe, key) for key in self.fields}

    def text(self, key: str) -> str:
        """The value of an option as its text in the form."""
        return self.changes[key] if key in self.changes else value_text(self.base.get(key))

    def set(self, key: str, text: str) -> None:
        """Change an option; the base's own value takes the change back."""
        if text == value_text(self.base.get(key)):
            self.changes.pop(key, None)
        else:
            self.changes[key] = text

    def reset(self, key: str) -> None:
        self.changes.pop(key, None)

    def cycle(self, key: str, step: int = 1) -> None:
        """The next choice of an option that has choices."""
        choices = self.fields[key].choices
        if choices:
            at = choices.index(self.text(key)) if self.text(key) in choices else -1
            self.set(key, choices[(at + step) % len(choices)])

    def overrides(self) -> list[str]:
        return [f"{key}={text}" for key, text in self.changes.items()]

    def check(self) -> tuple[Settings | None, list[Problem]]:
        """The settings, or every problem by key."""
        try:
            return config.resolve(self.recipe, self.preset, self.config_file, self.overrides()), []
        except ConfigError as error:
            return None, error.problems
        except SteptuneError as error:
            return None, [Problem("", str(error))]

    def command(self) -> list[str]:
        """The command line that does the same as launching this form."""
        start = ["-c", str(self.config_file)] if self.config_file else ["--preset", self.preset or "default"]
        on = ["--on", self.on] if self.on else []
        return ["steptune", "run", self.recipe, *start, *on, *self.overrides()]

    def command_text(self) -> str:
        return shlex.join(self.command())

    def to_yaml(self) -> str:
        """All options with their help as comments, for an editor."""
        lines = [f"# {self.recipe} from {self.source}. Save and quit to take the changes over; an unchanged file changes nothing."]
        for section in self.sections:
            depth = section.title.count(".") + 1 if section.title else 0
            if section.title:
                lines += ["", f"{'  ' * (depth - 1)}{section.title.rsplit('.', 1)[-1]}:"]
            for item in section.fields:
                lines += [f"{'  ' * depth}# {item.help}", f"{'  ' * depth}{item.name}: {self.text(item.key) or 'null'}"]
        return "\n".join(lines) + "\n"

    def take_yaml(self, text: str) -> list[str]:
        """Take over an edited file; returns the keys that changed. Raises yaml.YAMLError or ValueError for what is no config."""
        values = yaml.safe_load(text)
        if values is None:
            values = {}
        if not isinstance(values, dict):
            raise ValueError(f"found {type(values).__name__}, expected options as `name: value` lines")
        before = dict(self.changes)
        edited = _flat_by_fields(values, self.fields)
        for key, value in edited.items():
            text_of_value = value_text(value)
            if is_same(text_of_value, self.text(key)):
                continue
            self.set(key, text_of_value)
        return sorted(key for key in {*before, *self.changes} if before.get(key) != self.changes.get(key))

    def to_draft(self) -> JSON:
        return {
            "recipe": self.recipe,
            "preset": self.preset,
            "config_file": str(self.config_file) if self.config_file else None,
            "on": self.on,
            "changes": self.changes,
            "saved": round(time.time(), 3),
        }


def form_from_draft(draft: JSON) -> Form | None:
    """The form of a stored draft; None where it no longer fits this version."""
    recipe, changes = draft.get("recipe"), draft.get("changes")
    if recipe not in SETTINGS or not isinstance(changes, dict):
        return None
    file = draft.get("config_file")
    try:
        form = Form(recipe, draft.get("preset"), Path(file) if file else None, draft.get("on"))
    except (SteptuneError, OSError, ValueError):
        return None
    form.changes = {str(key): str(text) for key, text in changes.items()}
    return form


def values_of(form: Form, settings: Settings | None) -> dict[str, Any]:
    """The form's values as resolved, or as typed while it has problems."""
    if settings is not None:
        return dict(with_bundled(flatten(config.to_json(settings, form.recipe))))
    return {**form.base, **{key: parsed(text) for key, text in form.changes.items()}}


def _flat_by_fields(values: JSON, fields: dict[str, Field], prefix: str = "") -> dict[str, Any]:
    """Dotted names; a mapping that is itself an option's value (predictions) stays whole."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and key not in fields:
            found |= _flat_by_fields(value, fields, f"{key}.")
        else:
            found[key] = value
    return found


def _yaml_values(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return flatten(values) if isinstance(values, dict) else {}


def _default(recipe: str, key: str) -> Any:
    model: type[BaseModel] = SETTINGS[recipe]
    *parents, name = key.split(".")
    for parent in parents:
        annotation = model.model_fields[parent].annotation
        assert isinstance(annotation, type)
        model = annotation
    value = model.model_fields[name].get_default(call_default_factory=True)
    return None if value is PydanticUndefined else list(value) if isinstance(value, tuple) else value


def _placeholder(key: str) -> str:
    return "{baseline: /}" if key.endswith("predictions") else "[{type: jsonl, path: /}]" if key.endswith("sources") else "/"
