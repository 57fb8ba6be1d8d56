"""The runs of a sweep as one line of the list, which unfolds to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.run_folder.states import State
from toolkit.runs.row import RunRow
from toolkit.terminal.layout import cut, cut_start, fit
from toolkit.terminal.numbers import counted, number
from tui.logic.lines import Line, line, width_of
from tui.logic.signs import STATE_SIGNS

_MARK = "-sweep-"  # in the name of a sweep's folder
# The state of a sweep is the first of these that a run of it has.
_FIRST = (
    State.RUNNING,
    State.STALLED,
    State.STARTING,
    State.QUEUED,
    State.OUT_OF_MEMORY,
    State.FAILED,
    State.LOST,
    State.UNREADABLE,
    State.CANCELLED,
    State.FINISHED,
)


@dataclass(frozen=True)
class SweepRow:
    """`runs` are those that the filter lets through, in the order of the list."""

    id: str
    runs: tuple[RunRow, ...]
    is_open: bool

    @property
    def path(self) -> Path:
        return self.runs[0].path.with_name(self.id)

    @property
    def state(self) -> State:
        found = {row.state for row in self.runs}
        return next((state for state in _FIRST if state in found), self.runs[0].state)

    @property
    def counts(self) -> str:
        """`4 finished, 1 running`."""
        count: dict[str, int] = {}
        for row in self.runs:
            count[row.state.short] = count.get(row.state.short, 0) + 1
        return ", ".join(f"{times} {state}" for state, times in sorted(count.items(), key=lambda pair: -pair[1]))


Item = RunRow | SweepRow


def fold(rows: Sequence[RunRow], unfolded: set[str]) -> list[Item]:
    """The rows, those of a sweep in one where the first of them stands; the runs of an unfolded one follow it."""
    of_sweep: dict[str, list[RunRow]] = {}
    for row in rows:
        if _MARK in row.parent:
            of_sweep.setdefault(row.parent, []).append(row)
    found: list[Item] = []
    for row in rows:
        runs = of_sweep.get(row.parent)
        if runs is None or len(runs) < 2:
            found.append(row)
        elif row is runs[0]:
            found.append(SweepRow(row.parent, tuple(runs), row.parent in unfolded))
            found += runs if row.parent in unfolded else []
    return found


def sweep_line(sweep: SweepRow, width: int, sign_width: int, id_width: int, marked: int) -> Line:
    """A sweep in the list: how far it is, and the best number that a run of it has."""
    sign, style = STATE_SIGNS.get(sweep.state, ("?", "dim"))
    fold_sign = "- " if sweep.is_open else "+ "
    spans = [
        ("▸" if marked else " ", "mark"),
        (fit(f"{sign} {sweep.state.short}", sign_width), style),
        (fold_sign, "key"),
        (fit(cut_start(sweep.id, id_width - 3), id_width - 2), "bold"),
    ]
    recipe = sweep.runs[0].recipe
    said = f"{recipe}, {counted(len(sweep.runs), 'run')}: {sweep.counts}{_best(sweep)}"
    used = width_of(line(*spans))
    return line(*spans, (cut(said, max(0, width - used)), "dim"))


def _best(sweep: SweepRow) -> str:
    from toolkit.runs.sweep_table import default_metric, lower_is_better  # only where there is a sweep

    metric = default_metric(sweep.runs[0].recipe)
    values = [value for row in sweep.runs if (value := row.numbers.get(metric)) is not None and value == value]
    if not values or not any(row.state is State.FINISHED for row in sweep.runs):
        return ""
    return f"; best {metric} {number(min(values) if lower_is_better(metric) else max(values))}"
