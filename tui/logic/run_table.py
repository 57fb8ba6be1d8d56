"""The list of runs as lines: columns by the width that there is, filtered and sorted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.run_folder.states import State
from toolkit.terminal.layout import cut, cut_start, fit, fit_right
from toolkit.terminal.numbers import age, duration, number
from tui.logic.filters import Term, matches
from tui.logic.lines import Line, Span, line
from tui.logic.run_row import STATE_SIGNS, RunRow, seconds_running


@dataclass(frozen=True)
class Column:
    name: str
    width: int
    cell: Callable[[RunRow, float], str]
    right: bool = False
    min_total: int = 0  # shown from this width of the terminal on


def _progress(row: RunRow, _now: float) -> str:
    if row.live and row.total:
        return f"{cut(row.phase or row.stage, 7)} {100 * (row.share or 0):.0f}%"
    if row.step is not None:
        return f"step {row.step:g}"
    return ""


def _eta(row: RunRow, now: float) -> str:
    return duration(row.eta_s) if row.live and row.eta_s is not None else duration(seconds_running(row, now))


COLUMNS = (
    Column("recipe", 12, lambda row, _: row.recipe, min_total=100),
    Column("model", 26, lambda row, _: cut(row.model.rsplit("/", 1)[-1], 25), min_total=140),
    Column("progress", 11, _progress),
    Column("loss", 7, lambda row, _: number(row.loss) if row.loss is not None else "", right=True),
    Column("tok/s", 7, lambda row, _: number(row.speed) if row.speed is not None else "", right=True, min_total=100),
    Column("eta/time", 9, _eta, right=True),
    Column("age", 7, lambda row, now: age(now - row.created) if row.created else "-", right=True),
)
SIGN_WIDTH = 12
MIN_REST = 14  # room from which the headline is shown
SORTS = ("newest", "state", "recipe", "loss", "progress")


def visible_columns(width: int) -> list[Column]:
    return [column for column in COLUMNS if width >= column.min_total]


def header(width: int) -> Line:
    columns = visible_columns(width)
    spans = [Span(" " + fit("state", SIGN_WIDTH)), Span(fit("run", _id_width(width, columns)))]
    spans += [Span((fit_right if column.right else fit)(column.name, column.width)) for column in columns]
    if width - sum(len(span.text) for span in spans) >= MIN_REST:
        spans.append(Span("  numbers"))
    return line((fit("".join(span.text for span in spans), width), "dim"))


def _id_width(width: int, columns: Sequence[Column]) -> int:
    used = 1 + SIGN_WIDTH + sum(column.width for column in columns)
    return max(12, min(38, width - used) if width < 140 else 36)


def run_line(row: RunRow, width: int, marked: bool = False, now: float | None = None) -> Line:
    """One run; the sign and word of its state first."""
    now = time.time() if now is None else now
    columns = visible_columns(width)
    sign, style = STATE_SIGNS.get(row.state, ("?", "dim"))
    spans: list[Span] = [
        Span("▸" if marked else " ", "mark"),
        Span(fit(f"{sign} {_word(row.state)}", SIGN_WIDTH), style),
    ]
    spans.append(Span(fit(cut_start(row.id, _id_width(width, columns) - 1), _id_width(width, columns)), ""))
    for column in columns:
        text = column.cell(row, now)
        spans.append(
            Span(
                (fit_right if column.right else fit)(
                    cut(text, column.width - (0 if column.right else 1)), column.width
                ),
                "" if text else "dim",
            )
        )
    if (rest := width - sum(len(span.text) for span in spans) - 2) >= MIN_REST - 2:
        spans.append(Span("  " + cut(row.headline or row.message, max(0, rest)), "dim"))
    return tuple(spans)


def _word(state: State) -> str:
    return {State.OUT_OF_MEMORY: "no memory", State.UNREADABLE: "illegible"}.get(state, state.value)


def select(
    rows: Sequence[RunRow],
    terms: tuple[Term, ...],
    sort: str,
    settings_of: Callable[[RunRow], dict[str, Any]] = lambda _row: {},
) -> list[RunRow]:
    """The rows that a filter lets through, in order. `settings_of` is asked only where the filter names a setting."""
    needs_settings = any(term.key and term.key not in RunRow.columns(EMPTY_ROW) for term in terms)
    found = (
        [row for row in rows if matches(terms, row.columns(), settings_of(row) if needs_settings else {})]
        if terms
        else list(rows)
    )
    return sorted(found, key=_ORDER[sort]) if sort in _ORDER else found


_STATE_ORDER = {
    state: index
    for index, state in enumerate(
        (
            State.RUNNING,
            State.STALLED,
            State.STARTING,
            State.QUEUED,
            State.FAILED,
            State.OUT_OF_MEMORY,
            State.LOST,
            State.UNREADABLE,
            State.CANCELLED,
            State.FINISHED,
        )
    )
}
_ORDER: dict[str, Callable[[RunRow], Any]] = {
    "state": lambda row: _STATE_ORDER.get(row.state, 99),
    "recipe": lambda row: row.recipe,
    "loss": lambda row: (row.loss is None or row.loss != row.loss, row.loss or 0.0),
    "progress": lambda row: -(row.share or 0.0),
}


def _empty_row() -> RunRow:
    from pathlib import Path

    return RunRow(Path(), "", "", State.WAITING)


EMPTY_ROW = _empty_row()
