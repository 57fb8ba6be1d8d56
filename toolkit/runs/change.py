"""A run that goes on under changed options: which may change, and the plan with the change."""

from __future__ import annotations

from typing import Any

from toolkit import catalog, config
from toolkit.errors import UsageError
from toolkit.planning.plan import LaunchPlan, plan_launch
from toolkit.records import read_json
from toolkit.run_folder.documents import Command
from toolkit.run_folder.folder import RunFolder
from toolkit.settings import Settings


def changed_plan(run: RunFolder, overrides: list[str]) -> LaunchPlan:
    """The run's plan with `KEY=VALUE` laid over its own config; `auto` is decided anew.

    Raises:
        ConfigError: a key or value that cannot be.
        UsageError: an option that decides what the steps so far were trained on, or rows of a step that would change.
    """
    before = config.resolve(run.recipe, config_file=run.config_file)
    after = config.resolve(run.recipe, config_file=run.config_file, overrides=overrides)
    require_changeable(run, list(changes(before, after)), " ".join(overrides))
    on = Command.from_json(read_json(run.command_file) or {}).on
    plan = plan_launch(after, on, planning_only=True, count_rows=True)
    _require_same_rows(before, plan.settings)
    return plan


def require_changeable(run: RunFolder, keys: list[str], overrides: str = "") -> None:
    """Raises UsageError for options of these that decide what the run was so far."""
    changeable = catalog.find_recipe(run.recipe).settings.changeable
    fixed = [key for key in keys if changeable is not None and key not in changeable]
    if fixed:
        allowed = f"; what may change is {', '.join(changeable)}" if changeable else ""
        again = f"steptune run {run.recipe} -c {run.config_file} {overrides}".strip()
        raise UsageError(
            f"{', '.join(fixed)} cannot change in the middle of {run.id}{allowed}. Start a new run with `{again}`"
            + (f", or take the change out of {run.config_file}." if not overrides else ".")
        )


def changes(before: Settings, after: Settings) -> dict[str, tuple[Any, Any]]:
    """What differs between two settings of a recipe, as (before, after) by key, `section.key` within a section."""
    old, new = (_flat(config.to_json(settings)) for settings in (before, after))
    return {key: (old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


def _require_same_rows(before: Settings, after: Settings) -> None:
    if before.training is None or after.training is None:
        return
    was, now = (
        training.rows_per_device * training.gradient_accumulation_steps
        for training in (before.training, after.training)
    )
    if was != now:
        raise UsageError(
            f"An optimiser step of this run has {was} rows in each process, and would have {now}; give"
            f" per_device_train_batch_size and gradient_accumulation_steps with a product of {was}."
        )
