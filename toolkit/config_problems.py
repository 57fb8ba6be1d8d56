"""pydantic's validation errors in the user's words: the key as it was written, its file and line, the nearest valid
name.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from toolkit.errors import Problem
from toolkit.terminal.values import shown

KeyPath = tuple[str | int, ...]
IS_REQUIRED = "is required; give it in the file or as KEY=VALUE on the command line"


@dataclass(frozen=True)
class Origin:
    """Where a value was given: the line of a file, of the file of a preset of the recipe `preset_of`, or, without a
    file, the command line.
    """

    path: Path | None = None
    line: int | None = None
    preset_of: str | None = None

    def __str__(self) -> str:
        if self.path is None:
            return "command line"
        return f"{self.path}:{self.line}" if self.line else str(self.path)


def problems_of(
    error: ValidationError, model: type[BaseModel], origins: dict[KeyPath, Origin] | None = None
) -> list[Problem]:
    """What is wrong with values that people gave, without what only follows from it."""
    return [_problem_of(item, model, origins or {}) for item in _root_causes(list(error.errors()))]


def first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that is wrong with a document that a program wrote."""
    first = problems_of(error, model)[0]
    return f"{first.key}: is missing" if first.is_missing else str(first)


def _root_causes(errors: list[Any]) -> list[Any]:
    """Errors without those that only follow from an error further inside (a list left short by its bad items)."""
    return [
        item
        for item in errors
        if not (
            item["type"] == "too_short"
            and any(other is not item and other["loc"][: len(item["loc"])] == item["loc"] for other in errors)
        )
    ]


def _problem_of(item: Any, model: type[BaseModel], origins: dict[KeyPath, Origin]) -> Problem:
    location, owner = _locate(item["loc"], model)
    key = ".".join(str(part) for part in location)
    parts = (location[:end] for end in range(len(location), 0, -1))
    where = next((str(origins[part]) for part in parts if part in origins), "")
    return Problem(key, _message(item, owner, location), where, is_missing=item["type"] == "missing")


def _message(item: Any, owner: type[BaseModel] | None, location: KeyPath) -> str:
    if item["type"] == "extra_forbidden":
        names = list(owner.model_fields) if owner else []
        near = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.5)
        return f"unknown option; did you mean {near[0]}?" if near else f"unknown option; there are: {', '.join(names)}"
    if item["type"] == "missing":
        return IS_REQUIRED
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    if item["type"] in ("union_tag_invalid", "union_tag_not_found"):
        expected = ", ".join(map(repr, _tags_at(owner, location)))
        return f"found type {item['ctx'].get('tag')!r}, expected type to be one of {expected}"
    if item["type"] == "path_type":
        return f"found {item['input']!r}, expected the path of an existing file or folder"
    value = item["input"]
    found = repr(value) if isinstance(value, str) else shown(value)
    return f"found {found if len(found) < 80 else found[:77] + '...'}, must be {_expected(item)}"


_KINDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number that is not infinite",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "names with values, such as `{name: value}`",
    "model_type": "options as `name: value`",
    "model_attributes_type": "options as `name: value`",
    "none_required": "left out",
}
_LIMITS = {
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "{min_length} characters or more",
    "string_too_long": "{max_length} characters or fewer",
    "string_pattern_mismatch": "of the form {pattern}",
    "too_short": "{min_length} entries or more",
    "too_long": "{max_length} entries or fewer",
}


def _expected(item: Any) -> str:
    """What pydantic would have taken, in words; its own for a kind of error that steptune's options cannot have."""
    kind, limits = item["type"], {name: shown(value) for name, value in item.get("ctx", {}).items()}
    if kind == "literal_error":
        return "one of " + limits["expected"].replace(" or ", ", ").replace("'", "")
    if kind in ("string_too_short", "too_short") and limits["min_length"] == "1":
        return "given" if kind == "string_too_short" else "one entry or more"
    if kind in _LIMITS:
        return _LIMITS[kind].format_map(limits)
    return _KINDS.get(kind) or item["msg"].removeprefix("Input should be ").removeprefix("Value should be ")


def _locate(loc: tuple[Any, ...], model: type[BaseModel]) -> tuple[KeyPath, type[BaseModel] | None]:
    """The key path that a user wrote for pydantic's location (which also names union members), and the model it lies
    in.
    """
    path: list[str | int] = []
    owner: type[BaseModel] | None = model
    candidates: list[type[BaseModel]] = [model]
    for depth, part in enumerate(loc):
        if isinstance(part, int):
            path.append(part)
            continue
        tagged = [candidate for candidate in candidates if len(candidates) > 1 and _tag(candidate) == part]
        if tagged:
            candidates = tagged
            continue
        if len(candidates) != 1 and path:
            continue  # a union's own name for one of its branches
        owner = candidates[0] if candidates else None
        path.append(part)
        if owner is None or part not in owner.model_fields:
            candidates = [] if owner is None else candidates
            continue
        candidates = models_in(owner.model_fields[part].annotation)
        if not candidates:
            if _is_mapping(owner.model_fields[part].annotation):
                path += [str(name) for name in loc[depth + 1 : depth + 2]]
            break
    return tuple(path), owner


def _tags_at(owner: type[BaseModel] | None, location: KeyPath) -> list[Any]:
    """The values of `type` that the models of an option tell each other apart by."""
    name = next(part for part in reversed(location) if isinstance(part, str))
    field = owner.model_fields.get(name) if owner else None
    return [_tag(model) for model in models_in(field.annotation)] if field else []


def _is_mapping(annotation: Any) -> bool:
    """Whether an option is a mapping from names that the user chooses."""
    return get_origin(annotation) is dict or any(_is_mapping(argument) for argument in get_args(annotation))


def _tag(model: type[BaseModel]) -> Any:
    return model.model_fields["type"].default if "type" in model.model_fields else None


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The settings models inside a field's annotation, through tuples, unions and Annotated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models_in(argument)]
