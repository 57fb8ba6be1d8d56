"""The list of runs as lines: the columns that were asked for and those that there is room for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.runs.row import RunRow, seconds_running
from toolkit.terminal.layout import cut, cut_start, fit, fit_right
from toolkit.terminal.numbers import age, as_number, duration, number
from toolkit.terminal.text import clean
from toolkit.terminal.values import shown
from tui.logic.lines import Line, Span, line, width_of
from tui.logic.signs import sign_of

CellOf = Callable[[RunRow, str], Any]  # what a run has under the name of a number or setting


@dataclass(frozen=True)
class Column:
    name: str
    width: int
    cell: Callable[[RunRow, float], str]
    right: bool = False
    min_total: int = 0  # shown from this width of the terminal on


def _progress(row: RunRow, _now: float) -> str:
    if row.live:
        word = row.doing.partition(" ")[0]
        return f"{cut(word, 8)} {100 * row.share:.0f}%" if row.share is not None else cut(word, 12)
    if row.step is not None:
        return f"step {row.step:g}"
    return ""


def _time(row: RunRow, now: float) -> str:
    """One definition of time: of a live run what is left, once that is known, of every other what it took. What is left
    of a pipeline is more than what is left of its stage.
    """
    if not row.live:
        return duration(seconds_running(row, now))
    return f"{duration(row.eta_s)} left" if row.eta_s is not None and not row.stages else ""


COLUMNS = (
    Column("recipe", 12, lambda row, _: row.recipe, min_total=100),
    Column("model", 26, lambda row, _: cut(row.model.rsplit("/", 1)[-1], 25), min_total=140),
    Column("progress", 13, _progress),
    Column("loss", 7, lambda row, _: number(row.loss) if row.loss is not None else "", right=True),
    Column("tok/s", 7, lambda row, _: number(row.speed) if row.speed is not None else "", right=True, min_total=100),
    Column("time", 12, _time, right=True),
    Column("age", 7, lambda row, now: age(now - row.created) if row.created else "-", right=True),
)
# What gives way first where there is no room for all.
GIVE_WAY = ("model", "tok/s", "recipe", "age", "progress", "time", "loss")
SIGN_WIDTH = 12
ID_WIDTH = 25  # the date, the recipe and the four characters that tell runs apart
MIN_REST = 14  # room from which the headline is shown


def visible_columns(width: int, extra: Sequence[str] = (), cell_of: CellOf | None = None) -> list[Column]:
    """Those for which there is room, with one for each name of `extra`; of these the first ones go first."""
    room = width - 1 - SIGN_WIDTH - ID_WIDTH
    asked: list[Column] = []
    for name in extra:
        column = _extra(name, cell_of)
        if sum(other.width for other in asked) + column.width <= room:
            asked.append(column)
    own = [column for column in COLUMNS if width >= column.min_total and column.name not in extra]
    for name in GIVE_WAY:
        if sum(column.width for column in [*own, *asked]) > room:
            own = [column for column in own if column.name != name]
    return [*own, *asked]


def _extra(name: str, cell_of: CellOf | None) -> Column:
    def cell(row: RunRow, _now: float) -> str:
        value = cell_of(row, name) if cell_of else None
        if value is None:
            return ""
        return number(value) if isinstance(value, float) and as_number(value) is not None else clean(shown(value))

    return Column(name, min(22, max(10, len(name) + 2)), cell, right=True)


def header(width: int, columns: Sequence[Column]) -> Line:
    spans = [Span(" " + fit("state", SIGN_WIDTH)), Span(fit("run", id_width_of(width, columns)))]
    spans += [Span((fit_right if column.right else fit)(column.name, column.width)) for column in columns]
    if width - width_of(spans) >= MIN_REST:
        spans.append(Span("  numbers"))
    return line((fit("".join(span.text for span in spans), width), "dim"))


def id_width_of(width: int, columns: Sequence[Column]) -> int:
    """Cells of the run's id."""
    used = 1 + SIGN_WIDTH + sum(column.width for column in columns)
    return max(12, min(38, width - used) if width < 140 else min(36, width - used))


def run_line(
    row: RunRow,
    width: int,
    columns: Sequence[Column],
    marked: bool = False,
    now: float | None = None,
    is_inside: bool = False,
) -> Line:
    """One run; the sign and word of its state first. `is_inside`: below the line of its sweep."""
    now = time.time() if now is None else now
    sign, style = sign_of(row)
    id_width = id_width_of(width, columns)
    pin = ("  " if is_inside else "") + ("★ " if row.pinned else "")
    spans: list[Span] = [
        Span("▸" if marked else " ", "mark"),
        Span(fit(f"{sign} {row.state.short}", SIGN_WIDTH), style),
        Span(pin, "mark"),
        Span(fit(cut_start(row.id, id_width - 1 - len(pin)), id_width - len(pin)), ""),
    ]
    for column in columns:
        text = column.cell(row, now)
        room = column.width - (0 if column.right else 1)
        spans.append(Span((fit_right if column.right else fit)(cut(text, room), column.width), "" if text else "dim"))
    if (rest := width - width_of(spans) - 2) >= MIN_REST - 2:
        tags = cut("".join(f"{tag} " for tag in row.tags), rest)
        spans += [Span("  "), Span(tags, "key")]
        spans.append(Span(cut(row.headline or row.message, max(0, rest - len(tags))), "dim"))
    return line(*spans)
