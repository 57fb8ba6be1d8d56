"""Which of many runs are shown, and in which order: the same for `steptune runs` and the screens."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.run_folder.states import State
from toolkit.runs.filters import ALIASES, SettingsOf, Term, is_column_or_number, matches, values_of
from toolkit.runs.row import COLUMNS, RunRow

NEWEST = "newest"
LOOKED_AT = 200  # runs whose settings are read to see whether there is an option of that name
# Orders with a rule of their own; every number and setting is one as well.
OWN_ORDERS = (NEWEST, "state", "recipe", "progress")


@dataclass(frozen=True)
class Order:
    """By what the runs are sorted. `turned` is the other way round: the oldest, the greatest number first."""

    name: str = NEWEST
    turned: bool = False

    @classmethod
    def from_text(cls, text: str) -> Order:
        """`eval_loss`, or `-eval_loss` for the other way round."""
        return cls(text.removeprefix("-"), text.startswith("-"))

    def __str__(self) -> str:
        return f"{'-' if self.turned else ''}{self.name}"


@dataclass(frozen=True)
class Selected:
    """The runs that fit, in order. `unknown` are names in filter or order that no run has anything under."""

    rows: list[RunRow]
    unknown: list[str] = field(default_factory=list)


def select(rows: Sequence[RunRow], terms: tuple[Term, ...], order: Order, settings_of: SettingsOf) -> Selected:
    """Filter and sort; pinned runs stand first. `settings_of` is asked only where filter or order name a setting."""
    found = [row for row in rows if matches(terms, row, settings_of)] if terms else list(rows)
    keys = [term.key for term in terms if term.key] + ([] if order.name in OWN_ORDERS else [order.name])
    unknown = [key for key in dict.fromkeys(keys) if not _is_known(key, rows, settings_of)]
    return Selected(sort(found, order, settings_of), unknown)


def sort(rows: Sequence[RunRow], order: Order, settings_of: SettingsOf) -> list[RunRow]:
    """In order, pinned ones first; runs without the number last, whichever way round."""
    if order.name == NEWEST:  # as they come
        found = list(reversed(rows)) if order.turned else list(rows)
    elif order.name in _KEYS:
        found = sorted(rows, key=_KEYS[order.name], reverse=order.turned)
    else:
        keyed = [(_sort_key(values_of(order.name, row, settings_of)), row) for row in rows]
        have = [(key, row) for key, row in keyed if key is not None]
        have.sort(key=lambda pair: pair[0], reverse=order.turned)
        found = [row for _, row in have] + [row for key, row in keyed if key is None]
    return sorted(found, key=lambda row: not row.pinned) if any(row.pinned for row in found) else found


def needs_settings(terms: Sequence[Term], order: Order, rows: Sequence[RunRow]) -> bool:
    """Whether filter or order name something that is in no run's columns and numbers."""
    names = [term.key for term in terms if term.key] + ([] if order.name in OWN_ORDERS else [order.name])
    return not all(is_column_or_number(ALIASES.get(name, name), rows) for name in names)


def nearest_name(name: str, rows: Sequence[RunRow], settings_of: SettingsOf) -> str:
    """The name of a column, number or setting that is most like one that no run has; "" where none is."""
    known = [*COLUMNS, *number_names(rows), *(key for row in rows[:1] for key in settings_of(row))]
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.5)), "")


def number_names(rows: Sequence[RunRow]) -> list[str]:
    """The numbers that some run has, those that most runs have first."""
    count: dict[str, int] = {}
    for row in rows:
        for name in row.number_names():
            count[name] = count.get(name, 0) + 1
    return sorted(count, key=lambda name: (-count[name], name))


def differing(rows: Sequence[RunRow], settings_of: SettingsOf) -> list[str]:
    """The settings of which not all of these runs have the same value."""
    values: dict[str, set[str]] = {}
    for index, row in enumerate(rows):
        settings = settings_of(row)
        for name in {**settings, **values}:
            held = values.setdefault(name, {"None"} if index else set())
            held.add(repr(settings.get(name)))
    return [name for name, held in values.items() if len(held) > 1]


def _is_known(key: str, rows: Sequence[RunRow], settings_of: SettingsOf) -> bool:
    if not rows or key in COLUMNS or is_column_or_number(ALIASES.get(key, key), rows):
        return True
    return any(values_of(key, row, settings_of) for row in rows[:LOOKED_AT])


def _sort_key(values: Sequence[Any]) -> tuple[int, float, str] | None:
    """Numbers by size, then texts by the alphabet; None for what has no place."""
    value = values[0] if values else None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value))


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
_KEYS: Mapping[str, Callable[[RunRow], Any]] = {
    "state": lambda row: _STATE_ORDER.get(row.state, 99),
    "recipe": lambda row: row.recipe,
    "progress": lambda row: -(row.share or 0.0),
}
