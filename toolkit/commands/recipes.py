"""`steptune recipes`: what can be run, and every option of a recipe with its sentence."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from toolkit import catalog
from toolkit.records import JSON
from toolkit.terminal.output import say, say_json


def recipes(args: argparse.Namespace) -> int:
    """Print all recipes with their presets, or the options of one."""
    if args.recipe:
        return _options(args)
    found = catalog.RECIPES.values()
    if args.json:
        say_json([{"name": recipe.name, "summary": recipe.summary, "presets": recipe.presets} for recipe in found])
        return 0
    for recipe in found:
        say(f"{recipe.name:<12} {recipe.summary}")
        for preset, line in recipe.presets.items():
            say(f"  {preset:<12} {line}")
    say(f"\n--on: {', '.join(catalog.accelerate_config_names())}")
    return 0


def _options(args: argparse.Namespace) -> int:
    recipe = catalog.find_recipe(args.recipe)
    options = list(walk_options(recipe.settings))
    if args.json:
        say_json(options, default=str)
        return 0
    say(f"{recipe.name}: {recipe.summary}\n")
    for option in options:
        say(f"{option['name']} ({option['type']}; default {option['default']})\n    {option['help']}")
    return 0


def walk_options(model: type[BaseModel], prefix: str = "") -> Iterator[JSON]:
    """Every option as name, type, choices (none for most), default and help; sections of a pipeline with a dotted
    name.
    """
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from walk_options(annotation, f"{prefix}{name}.")
            continue
        default = (
            "required"
            if field.default is PydanticUndefined and field.default_factory is None
            else field.get_default(call_default_factory=True)
        )
        yield {
            "name": f"{prefix}{name}",
            "type": _type_name(annotation),
            "choices": _choices(annotation),
            "default": default,
            "help": field.description or "",
        }


def _choices(annotation: Any) -> list[str]:
    """The words that an option can be, where all that it can be are words."""
    if annotation is bool:
        return ["true", "false"]
    if get_origin(annotation) is Annotated:
        return _choices(get_args(annotation)[0])
    arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
    return [str(argument) for argument in arguments if all(isinstance(each, str) for each in arguments)]


def _type_name(annotation: Any) -> str:
    arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
    if not arguments:
        return getattr(annotation, "__name__", str(annotation))
    if all(isinstance(argument, str) for argument in arguments):
        return " | ".join(arguments)
    if hasattr(annotation, "__metadata__"):
        return _type_name(arguments[0])
    inner = " | ".join(
        dict.fromkeys(
            _type_name(argument) for argument in arguments if argument is not Ellipsis and not _is_constraint(argument)
        )
    )
    container = getattr(annotation, "__origin__", None)
    return f"{container.__name__}[{inner}]" if container in (tuple, list, dict) else inner


def _is_constraint(argument: Any) -> bool:
    return not isinstance(argument, type | str) and not get_args(argument)
