"""The places of the top line, in its order: the one list behind navigation, keys, palette and what is restored at the
start.

A place's screen is made when somebody goes there: all but the first import settings models, which take a while.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.screens.page import Page


@dataclass(frozen=True)
class Place:
    """`name` is the mode that the application switches to, `key` goes there from everywhere."""

    key: str
    title: str
    name: str
    screen: Callable[[], Page]


def _runs() -> Page:
    from tui.screens.runs import RunsScreen

    return RunsScreen()


def _new() -> Page:
    from tui.screens.new import NewScreen

    return NewScreen()


def _data() -> Page:
    from tui.screens.data import DataScreen

    return DataScreen()


def _rate() -> Page:
    from tui.screens.studies import StudiesScreen

    return StudiesScreen()


def _results() -> Page:
    from tui.screens.results import ResultsScreen

    return ResultsScreen()


def _doctor() -> Page:
    from tui.screens.doctor import DoctorScreen

    return DoctorScreen()


PLACES = (
    Place("1", "Runs", "runs", _runs),
    Place("2", "New", "new", _new),
    Place("3", "Data", "data", _data),
    Place("4", "Rate", "rate", _rate),
    Place("5", "Results", "results", _results),
    Place("6", "Doctor", "doctor", _doctor),
)
HOME = PLACES[0]
