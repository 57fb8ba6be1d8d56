"""The fields of a form, read from a recipe's settings model: kind, choices and help of each option, and the parts they
stand in.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from toolkit.catalog import find_recipe
from toolkit.config_problems import models_in

Kind = Literal["text", "number", "switch", "choice", "list", "entries"]


@dataclass(frozen=True)
class Field:
    """One option: `key` is its dotted name, `section` the part of the form that it is in. `shape` is that of an
    option with entries.
    """

    key: str
    section: str
    kind: Kind
    help: str
    choices: tuple[str, ...] = ()
    required: bool = False
    shape: EntryShape | None = None
    group: str = ""  # what the options around it are about, as the model that declares them says

    @property
    def name(self) -> str:
        return self.key.removeprefix(f"{self.section}.") if self.section else self.key


@dataclass(frozen=True)
class Section:
    """`title` is the dotted name of a nested model, "" for the recipe's own options."""

    title: str
    help: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class EntryKind:
    """One kind of entry. `tag` is its `type`, "" where all entries are of one kind; `defaults` are what its fields have
    when left out.
    """

    tag: str
    help: str
    fields: tuple[Field, ...]
    defaults: dict[str, Any]


@dataclass(frozen=True)
class EntryShape:
    """An option that is a list of models, or a mapping from names to values."""

    kinds: tuple[EntryKind, ...]
    is_mapping: bool


class Fillable(Protocol):
    """Something that fields are filled in of: a recipe's form, or one entry of an option of it."""

    @property
    def sections(self) -> tuple[Section, ...]: ...

    @property
    def fields(self) -> dict[str, Field]: ...

    def text(self, key: str) -> str: ...

    def before(self, key: str) -> str: ...

    def is_changed(self, key: str) -> bool: ...

    def set(self, key: str, text: str) -> None: ...

    def reset(self, key: str) -> None: ...


def next_choice(form: Fillable, key: str) -> None:
    """The choice after the present one of a field that has choices."""
    if choices := form.fields[key].choices:
        at = choices.index(form.text(key)) if form.text(key) in choices else -1
        form.set(key, choices[(at + 1) % len(choices)])


def sections(recipe: str) -> tuple[Section, ...]:
    """The form of a recipe. Options that a pipeline fills in by itself are left out of its form."""
    record = find_recipe(recipe)
    hidden = {f"{section}.{key}" for section, keys in record.filled_in.items() for key in keys}
    found = list(_sections(record.settings, "", "", hidden))
    return tuple(section for section in found if section.fields)


def _sections(model: type[BaseModel], prefix: str, help_text: str, hidden: set[str]) -> Iterator[Section]:
    own: list[Field] = []
    inner: list[tuple[type[BaseModel], str, str]] = []
    title = prefix.rstrip(".")
    for name, info in model.model_fields.items():
        key = f"{prefix}{name}"
        if key in hidden:
            continue
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            inner.append((info.annotation, f"{key}.", info.description or ""))
        else:
            own.append(_field(model, name, key, title))
    yield Section(title, help_text, tuple(own))
    for inner_model, inner_prefix, inner_help in inner:
        yield from _sections(inner_model, inner_prefix, inner_help, hidden)


def _field(model: type[BaseModel], name: str, key: str, section: str) -> Field:
    info = model.model_fields[name]
    needs = (info.default is PydanticUndefined and info.default_factory is None) or name in getattr(
        model, "required", ()
    )
    shape = _entry_shape(info.annotation, info.description or "")
    kind, choices = ("entries", ()) if shape else _kind(info.annotation)
    return Field(key, section, kind, info.description or "", choices, needs, shape, _group(model, name))


def _group(model: type[BaseModel], name: str) -> str:
    """What the option group that declares a field is about: the beginning of its docstring."""
    owner = next((base for base in model.__mro__ if name in inspect.get_annotations(base)), model)
    first = (owner.__doc__ or "").strip().partition("\n")[0]
    return first.partition(";")[0].partition(":")[0].rstrip(".")


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
        literals = [
            choice for inner in get_args(option) for choice in _unwrapped(inner) if get_origin(choice) is Literal
        ]
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


def _entry_shape(annotation: Any, help_text: str) -> EntryShape | None:
    for option in _unwrapped(annotation):
        if get_origin(option) in (tuple, list) and (models := models_in(option)):
            tags = tuple(_tag(model) for model in models)
            return EntryShape(tuple(_entry_kind(model, tags) for model in models), is_mapping=False)
        if get_origin(option) is dict:
            return EntryShape((_mapping_kind(get_args(option)[1], help_text),), is_mapping=True)
    return None


def _tag(model: type[BaseModel]) -> str:
    return str(model.model_fields["type"].default) if "type" in model.model_fields else ""


def _entry_kind(model: type[BaseModel], tags: tuple[str, ...]) -> EntryKind:
    """The fields of a model; its `type` comes first and offers all kinds."""
    fields = [_field(model, name, name, "") for name in model.model_fields if name != "type"]
    if _tag(model):
        fields.insert(0, Field("type", "", "choice", model.model_fields["type"].description or "", tags))
    defaults = {
        name: info.default
        for name, info in model.model_fields.items()
        if info.default is not PydanticUndefined and name != "type"
    }
    return EntryKind(_tag(model), (model.__doc__ or "").strip().splitlines()[0], tuple(fields), defaults)


def _mapping_kind(value: Any, help_text: str) -> EntryKind:
    kind, choices = _kind(value)
    value_name = "path" if Path in _unwrapped(value) else "value"
    fields = (
        Field("name", "", "text", "What it is called.", required=True),
        Field(value_name, "", kind, help_text, choices, required=True),
    )
    return EntryKind("", "", fields, {})
