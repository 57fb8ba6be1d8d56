"""Making a sweep: every combination of the given values, each with every seed, as runs in the queue."""

from __future__ import annotations

import itertools
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit import catalog, config
from toolkit.errors import UsageError
from toolkit.run_folder.config_values import flatten
from toolkit.run_folder.create import new_id
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.sweep_folder import Child, SweepDocument, SweepFolder
from toolkit.runs.enqueue import Order, add
from toolkit.settings import Settings

# More are asked for first.
MANY = 200


@dataclass(frozen=True)
class SweepOrder:
    """What is asked for: the config that all runs start from, the values by option, and how many seeds."""

    recipe: str
    preset: str | None
    config_file: Path | None
    overrides: tuple[str, ...]
    axes: dict[str, list[str]]
    seeds: int | None = None
    stop_after: float | None = None


@dataclass(frozen=True)
class Planned:
    """A run that a sweep will have."""

    setting: dict[str, str]
    seed: int | None
    settings: Settings


def parse_axes(given: Sequence[str]) -> dict[str, list[str]]:
    """`KEY=V1,V2` as values by key; commas within brackets and quotes belong to a value.

    Raises:
        UsageError: no values, or one twice.
    """
    axes: dict[str, list[str]] = {}
    for text in given:
        key, equals, rest = text.partition("=")
        values = [value.strip() for value in _split(rest)]
        if not equals or not key or not all(values):
            raise UsageError(f"--sweep {text}: expected KEY=VALUE,VALUE, for example lora_r=16,32,64.")
        if len(set(values)) < len(values) or key in axes:
            raise UsageError(f"--sweep {text}: a value or an option comes twice; name each once.")
        axes[key] = values
    return axes


def count(order: SweepOrder) -> int:
    """How many runs it makes."""
    return math.prod(map(len, order.axes.values())) * (order.seeds or 1)


def plan(order: SweepOrder) -> list[Planned]:
    """The runs in the order in which they are queued: all settings with the first seed, then with the next.

    Raises:
        ConfigError: an option that does not exist, or a value that it cannot have.
        UsageError: the recipe has no training whose seed could be set, or no validation loss to stop by.
    """
    recipe = catalog.find_recipe(order.recipe)
    if order.stop_after is not None and not _trains(recipe):
        trains = catalog.names_where(_trains)
        raise UsageError(
            f"--stop-after goes by the validation loss of a training, and {recipe.name} has none; {trains} do."
        )
    seeds = _seeds(order, recipe)
    found = []
    for seed in seeds:
        for values in itertools.product(*order.axes.values()):
            setting = dict(zip(order.axes, values, strict=True))
            overrides = [*order.overrides, *(f"{key}={value}" for key, value in setting.items())]
            if seed is not None:
                overrides.append(f"{seed_key(recipe)}={seed}")
            settings = config.resolve(order.recipe, order.preset, order.config_file, overrides)
            found.append(Planned(setting, seed, settings))
    return found


def start(queue: QueueFolder, order: SweepOrder, planned: Sequence[Planned], like: Order) -> SweepFolder:
    """Make the sweep and queue its runs, all or none; `like` has what is the same for all of them.

    Raises: as `enqueue.add`.
    """
    sweep = SweepFolder(queue.root / new_id("sweep"))
    stamp, mark = sweep.path.name.split("-sweep-")
    digits = len(str(len(planned)))
    names = [f"{stamp}-{order.recipe}-{mark}-{number:0{digits}}" for number in range(1, len(planned) + 1)]
    children = tuple(Child(name, each.setting, each.seed) for name, each in zip(names, planned, strict=True))
    orders = [
        replace(like, settings=each.settings, parent=sweep.path.name, run_id=name)
        for name, each in zip(names, planned, strict=True)
    ]
    sweep.write(SweepDocument(sweep.path.name, order.recipe, children, order.stop_after, round(time.time(), 3)))
    try:
        add(queue, orders)
    except BaseException:
        if not any(RunFolder(queue.root / name).exists() for name in names):
            shutil.rmtree(sweep.path, ignore_errors=True)
        raise
    return sweep


def seed_key(recipe: catalog.Recipe) -> str:
    """The option that --seeds sets: the seed of the training, or the recipe's own."""
    section = next((stage.section for stage in recipe.stages if catalog.RECIPES[stage.recipe].trains), "")
    return f"{section}.seed" if section else "seed"


def _seeds(order: SweepOrder, recipe: catalog.Recipe) -> list[int | None]:
    if order.seeds is None:
        return [None]
    key = seed_key(recipe)
    if key in order.axes:
        raise UsageError(f"--seeds and --sweep {key} both set the seed; give one of them.")
    some = [*order.overrides, *(f"{name}={values[0]}" for name, values in order.axes.items())]
    base = flatten(config.to_json(config.resolve(order.recipe, order.preset, order.config_file, some)))
    first = base[key]
    return [first + number for number in range(order.seeds)]


def _trains(recipe: catalog.Recipe) -> bool:
    return recipe.trains or any(catalog.RECIPES[stage.recipe].trains for stage in recipe.stages)


def _split(text: str) -> list[str]:
    parts, depth, start, quote = [], 0, 0, ""
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[({":
            depth += 1
        elif letter in "])}":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
