"""The form of a recipe: the state of filling it in.

What the user changed is kept as texts by dotted name, exactly as `steptune run RECIPE --preset NAME KEY=TEXT` takes
them: checking the form and the command line is the same call.
"""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from toolkit import config
from toolkit.catalog import RECIPES
from toolkit.config_yaml import PlainLoader, read_yaml
from toolkit.errors import ConfigError, Problem, SteptuneError
from toolkit.records import JSON
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.row import RunRow
from toolkit.settings import Settings
from tui.logic.fields import Field, sections
from tui.logic.values import parsed, value_text, with_bundled


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
        return (
            f"preset {self.preset}"
            if self.preset
            else f"run {self.config_file.parent.name}"
            if self.config_file
            else "preset default"
        )

    def text(self, key: str) -> str:
        """The value of an option as its text in the form."""
        return self.changes[key] if key in self.changes else self.before(key)

    def before(self, key: str) -> str:
        """The text that the form started from."""
        return value_text(self.base.get(key))

    def value(self, key: str) -> Any:
        """The value of an option as YAML reads its text."""
        return parsed(self.changes[key]) if key in self.changes else self.base.get(key)

    def is_changed(self, key: str) -> bool:
        return key in self.changes

    def set(self, key: str, text: str) -> None:
        """Change an option; the base's own value takes the change back."""
        if text == self.before(key):
            self.changes.pop(key, None)
        else:
            self.changes[key] = text

    def reset(self, key: str) -> None:
        self.changes.pop(key, None)

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

    def to_draft(self) -> JSON:
        return {
            "recipe": self.recipe,
            "preset": self.preset,
            "config_file": str(self.config_file) if self.config_file else None,
            "on": self.on,
            "changes": self.changes,
            "saved": round(time.time(), 3),
        }

    def _base_values(self) -> dict[str, Any]:
        if self.config_file is not None:
            return {**self._defaults(), **flat_by_fields(_yaml_values(self.config_file), self.fields)}
        overrides: list[str] = []
        for _attempt in range(2):
            try:
                settings = config.resolve(self.recipe, self.preset, None, overrides)
                values = flat_by_fields(config.to_json(settings), self.fields)
                return {**values, **{name.partition("=")[0]: None for name in overrides}}
            except ConfigError as error:
                # Options that only a user can give are filled with something that exists, to learn all the others.
                overrides = [
                    f"{problem.key}={_placeholder(problem.key)}" for problem in error.problems if problem.is_missing
                ]
        return self._defaults()

    def _defaults(self) -> dict[str, Any]:
        return {key: _default(self.recipe, key) for key in self.fields}


def form_from_draft(draft: JSON) -> Form | None:
    """The form of a stored draft; None where it no longer fits this version."""
    recipe, changes = draft.get("recipe"), draft.get("changes")
    if recipe not in RECIPES or not isinstance(changes, dict):
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
        return dict(with_bundled(flat_by_fields(config.to_json(settings), form.fields)))
    return {**form.base, **{key: parsed(text) for key, text in form.changes.items()}}


def flat_by_fields(values: JSON, fields: dict[str, Field], prefix: str = "") -> dict[str, Any]:
    """Dotted names; a mapping that is itself an option's value (predictions) stays whole."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and key not in fields:
            found |= flat_by_fields(value, fields, f"{key}.")
        else:
            found[key] = value
    return found


def _yaml_values(path: Path) -> JSON:
    try:
        values = read_yaml(path.read_text(encoding="utf-8"), PlainLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return values if isinstance(values, dict) else {}


def _default(recipe: str, key: str) -> Any:
    model: type[BaseModel] = RECIPES[recipe].settings
    *parents, name = key.split(".")
    for parent in parents:
        annotation = model.model_fields[parent].annotation
        assert isinstance(annotation, type)
        model = annotation
    value = model.model_fields[name].get_default(call_default_factory=True)
    return None if value is PydanticUndefined else list(value) if isinstance(value, tuple) else value


def _placeholder(key: str) -> str:
    return (
        "{baseline: /}"
        if key.endswith("predictions")
        else "[{type: jsonl, path: /}]"
        if key.endswith("sources")
        else "/"
    )


def form_from_run(row: RunRow) -> Form | None:
    """A form that starts from the config of a run; None where there is none to start from."""
    config_file = RunFolder(row.path).config_file
    if row.recipe not in RECIPES or not config_file.exists():
        return None
    try:
        return Form(row.recipe, None, config_file)
    except (SteptuneError, OSError, ValueError):
        return None
