"""The table of a sweep: a row for each setting, a column for each seed, mean and spread over the seeds, the best first;
and whether the best differs from the next by more than the seeds do. Reads run folders only.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.catalog import recipe_of_run
from toolkit.results.metrics import PRIMARY
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.run_folder.sweep_folder import Child, SweepFolder
from toolkit.statistics.student import t_quantile
from toolkit.terminal.numbers import as_finite, number

# Of these the lower one is better.
_LOWER = ("loss", "perplexity", "seconds")
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Cell:
    """A run of the sweep; `state` is None where it is not there (any more), `value` where it has not finished."""

    run: RunFolder
    state: State | None
    value: float | None


@dataclass(frozen=True)
class Row:
    """A setting with its runs, in the order of the seeds. `spread` is the standard deviation over them."""

    label: str
    cells: tuple[Cell, ...]

    @property
    def values(self) -> list[float]:
        return [cell.value for cell in self.cells if cell.value is not None]

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def is_complete(self) -> bool:
        return len(self.values) == len(self.cells)


@dataclass(frozen=True)
class SweepTable:
    """`rows`: the best first, then those that cannot be judged yet. `numbers`: every metric that there is."""

    metric: str
    lower_is_better: bool
    seeds: tuple[int | None, ...]
    rows: tuple[Row, ...]
    numbers: tuple[str, ...]

    @property
    def best(self) -> Row | None:
        """The best of the settings of which all seeds have finished."""
        return next((row for row in self.rows if row.is_complete and row.values), None)

    @property
    def is_over(self) -> bool:
        return all(cell.state is None or cell.state.is_over for row in self.rows for cell in row.cells)

    def verdict(self) -> str:
        """Whether the best is better by more than luck, in a sentence."""
        complete = [row for row in self.rows if row.is_complete and row.values]
        if len(complete) < 2:
            return ""
        best, second = complete[:2]
        gap = abs((best.mean or 0.0) - (second.mean or 0.0))
        named = f"{best.label} is best, before {second.label} by {number(gap)}"
        interval = _half_width(complete, best, second)
        if interval is None:
            return f"{named}; with one seed each nothing says how much of it is luck (--seeds 3)."
        low, high = number(gap - interval), number(gap + interval)
        if gap > interval:
            return f"{named} (95 % interval over the seeds {low} to {high}): more than the seeds differ."
        return f"{named} (95 % interval over the seeds {low} to {high}): no more than luck; more seeds may tell."


def sweep_table(sweep: SweepFolder, metric: str | None = None) -> SweepTable:
    """The table as the runs are now, by a metric of their headlines."""
    children = sweep.document.children
    headlines = {child.run: _headline(sweep.run(child)) for child in children}
    names = tuple(dict.fromkeys(name for values in headlines.values() for name in values))
    chosen = metric or default_metric(sweep.document.recipe)
    lower = lower_is_better(chosen)
    seeds = tuple(dict.fromkeys(child.seed for child in children))
    by_label: dict[str, dict[int | None, Child]] = defaultdict(dict)
    for child in children:
        by_label[child.label][child.seed] = child
    rows = []
    for label, of_seed in by_label.items():
        found = (of_seed[seed] for seed in seeds if seed in of_seed)
        rows.append(Row(label, tuple(_cell(sweep.run(child), headlines[child.run].get(chosen)) for child in found)))
    return SweepTable(chosen, lower, seeds, tuple(sorted(rows, key=lambda row: _order(row, lower))), names)


def lower_is_better(metric: str) -> bool:
    return any(part in metric for part in _LOWER)


def default_metric(recipe: str) -> str:
    """What a recipe is judged by: a training by its validation loss, all else by the primary metric."""
    return "eval_loss" if recipe_of_run(recipe).trains else PRIMARY


def _cell(run: RunFolder, value: float | None) -> Cell:
    state = run.state() if run.exists() else None
    return Cell(run, state, value if state is State.FINISHED else None)


def _headline(run: RunFolder) -> dict[str, float]:
    result = run.result
    numbers = {name: as_finite(value) for name, value in result.headline.items()} if result else {}
    return {name: value for name, value in numbers.items() if value is not None}


def _order(row: Row, lower_is_better: bool) -> tuple[bool, bool, float]:
    mean = row.mean
    return mean is None, not row.is_complete, (mean if lower_is_better else -mean) if mean is not None else 0.0


def _half_width(rows: Sequence[Row], best: Row, second: Row) -> float | None:
    """Half the interval of the difference of two means: the spread of all settings pooled, and as many comparisons as
    the best was chosen from (Bonferroni).
    """
    degrees = sum(len(row.values) - 1 for row in rows)
    if degrees == 0:
        return None
    within = sum((len(row.values) - 1) * (row.spread or 0.0) ** 2 for row in rows) / degrees
    error = math.sqrt(within * (1 / len(best.values) + 1 / len(second.values)))
    return error * t_quantile(1 - (1 - _CONFIDENCE) / 2 / (len(rows) - 1), degrees)
