"""How long a run is likely to take: as long as the last one of its kind took, a training step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.catalog import recipe_of_run
from toolkit.run_folder.states import State
from toolkit.runs.row import RunRow
from toolkit.terminal.numbers import duration


@dataclass(frozen=True)
class ExpectedTime:
    """Seconds, and the run that they come from."""

    seconds: float
    of: str

    def __str__(self) -> str:
        return f"about {duration(self.seconds)}, by {self.of}"


def expected_time(rows: Sequence[RunRow], recipe: str, model: str | None, steps: int | None) -> ExpectedTime | None:
    """By the newest finished run of the same recipe and model; None where there is none."""
    for row in rows:
        is_alike = row.recipe == recipe and row.state is State.FINISHED and row.model == (model or "")
        if not is_alike or not row.seconds:
            continue
        if not recipe_of_run(recipe).trains:
            return ExpectedTime(row.seconds, row.id)
        if steps and row.step:
            return ExpectedTime(row.seconds * steps / row.step, row.id)
    return None
