"""What a run would read, as its recipe's own preview program says it, and how many rows and steps that makes; of a
pipeline what its first stage would.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from toolkit import config
from toolkit.planning.data_preview import data_preview_lines
from toolkit.planning.plan import LaunchPlan
from toolkit.planning.token_preview import preview_lines, recipe_preview, row_lengths
from toolkit.records import JSON
from toolkit.settings import Settings
from toolkit.terminal.numbers import counted


@dataclass(frozen=True)
class RowsPreview:
    """Lines for a person; `steps` of the training that follows, None where there is none or its rows are not known."""

    lines: list[str]
    steps: int | None = None


def rows_preview(plan: LaunchPlan) -> RowsPreview:
    """Rows of each source and how many stay, or what a training would learn from; no lines where a recipe previews
    nothing.
    """
    recipe, settings = plan.stages[0]
    if recipe.preview is None:
        return RowsPreview([])
    answer: JSON = plan.preview or recipe_preview(
        recipe.preview_program, sys.executable, config.dump(settings), plan.environment
    )
    if recipe.preview == "rows":
        lines = list(data_preview_lines(answer))
        rows = _rows_of_train(answer, settings)
    else:
        lines = [line for line in preview_lines(answer) if not line.startswith("row ")]  # its tokens need colours
        lengths = row_lengths(answer)
        rows = lengths.rows if lengths else None
    steps = _steps(plan, rows) if rows else None
    if rows and steps is not None:
        lines.insert(0, f"about {counted(rows, 'row')} to train on, {counted(steps, 'step')}")
    return RowsPreview(lines, steps)


def _rows_of_train(answer: JSON, settings: Settings) -> int | None:
    """Of what stays, less what is held out; duplicates are known only when the data set is built."""
    if "error" in answer:
        return None
    kept: float = sum(source["rows"] * source["kept"] / max(1, source["judged"]) for source in answer["sources"])
    held_out = math.fsum(float(getattr(settings, name, 0.0)) for name in ("test_share", "validation_share"))
    return round(kept * (1 - held_out))


def _steps(plan: LaunchPlan, rows: int) -> int | None:
    """Optimiser steps of the plan's training on so many rows."""
    if plan.training is None:
        return None
    options = plan.training.options
    of_a_step = options.rows_per_device * options.gradient_accumulation_steps * plan.accelerate.processes
    steps = math.ceil(math.ceil(rows / of_a_step) * options.num_train_epochs)
    most: int | None = options.max_steps
    return steps if most is None else min(steps, most)
