"""Command lines of pages and scripts, checked by the program's own parser: do the command, its options, its recipe, its
preset and its accelerate config exist, and are the options of the recipe known?
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from toolkit import catalog, cli
from toolkit.commands.recipes import walk_options
from toolkit.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
OVERRIDE = re.compile(r"^[A-Za-z_][\w.]*=")
# What a reader puts something else in the place of.
STAND_INS = {"N": "1", "X": "1", "SHARE": "0.3", "RECIPE": "sft", "…": "", "...": ""}
INCOMPLETE = "the following arguments are required"


def complaint(line: str, is_named_only: bool = False) -> str | None:
    """Why a reader who types this line would be told that it is wrong; None where the program takes it. Of several
    commands in one line the first; a line of another program is taken as it is. `[--option]` may be left out, and of
    `a|b` the first is taken. `is_named_only`: the text speaks of a command, whose arguments need not be there.
    """
    try:
        words = shlex.split(re.sub(r"(?<=\w)(\|\w+)+", "", re.sub(r"[][]", "", line)), comments=True)
    except ValueError as error:
        return str(error)
    said = _complaint_of([STAND_INS.get(word, word) for word in _first_command(words)])
    return None if is_named_only and said and INCOMPLETE in said else said


def _complaint_of(words: list[str]) -> str | None:
    words = [word for word in words if word]
    program = Path(words[0]).name if words else ""
    if program == "make":
        return _make_complaint(words[1:])
    return _steptune_complaint(words[1:]) if program == "steptune" else None


@cache
def parser() -> argparse.ArgumentParser:
    return cli.build_parser()


@cache
def make_targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@cache
def options_of(recipe: str) -> frozenset[str]:
    return frozenset(option["name"] for option in walk_options(catalog.find_recipe(recipe).settings))


def _first_command(words: list[str]) -> Iterator[str]:
    for word in words:
        if word in ("&&", "||", "|", ";", "&") or word.startswith((">", "<")):
            return
        yield word


def _make_complaint(words: list[str]) -> str | None:
    unknown = [word for word in words if not OVERRIDE.match(word) and word not in make_targets()]
    return f"make has no target {unknown[0]}" if unknown else None


def _steptune_complaint(words: list[str]) -> str | None:
    if not words or words[0][0].isdigit():  # the first line that doctor prints
        return None
    given = words[: words.index("--")] if "--" in words else words
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            args, rest = parser().parse_known_args(given)
    except SystemExit as stop:
        return said.getvalue().strip().splitlines()[-1] if stop.code else None
    overrides = [word for word in rest if OVERRIDE.match(word)]
    if args.command in ("run", "serve"):
        rest = [word for word in rest if word not in overrides]
    if args.command == "runs":
        rest = [word for word in rest if word.startswith("--")]
    if rest:
        return f"steptune {args.command} does not know {' '.join(rest)}"
    if args.command == "recipes" and args.recipe and args.recipe not in catalog.RECIPES:
        return f"there is no recipe {args.recipe}"
    if args.command == "serve":
        return _unknown_options("serve", overrides)
    return _run_complaint(args, overrides) if args.command == "run" else None


def _run_complaint(args: object, overrides: list[str]) -> str | None:
    recipe, preset, on = (getattr(args, name) for name in ("recipe", "preset", "on"))
    try:
        catalog.find_recipe(recipe)
        if preset:
            catalog.preset_path(recipe, preset)
        if on and not on.endswith((".yaml", ".yml")):
            catalog.accelerate_config_path(on)
    except UsageError as error:
        return str(error)
    return _unknown_options(recipe, [*overrides, *getattr(args, "sweep", [])])


def _unknown_options(recipe: str, overrides: list[str]) -> str | None:
    known = options_of(recipe)
    for override in overrides:
        name = override.partition("=")[0]
        is_below = any(option.startswith(f"{name}.") or name.startswith(f"{option}.") for option in known)
        if name not in known and not is_below and name.rpartition(".")[2] != "preset":
            return f"{recipe} has no option {name}"
    return None
