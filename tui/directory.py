"""Which screen shows what: the one place that knows all screens. Each is imported when somebody first goes there, for
all but the list of runs import what takes a while.
"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any, assert_never

from textual.screen import Screen

from toolkit.errors import DataError
from tui import destinations as to
from tui.logic.feed import RunFeed
from tui.pages.page import Dialog, Page


def screen_of_place(name: str) -> Page:
    """The first screen of a place."""
    if name == "runs":
        from tui.screens.runs import RunsScreen

        return RunsScreen()
    if name == "new":
        from tui.screens.new import NewScreen

        return NewScreen()
    if name == "data":
        from tui.screens.data import DataScreen

        return DataScreen()
    if name == "rate":
        from tui.screens.studies import StudiesScreen

        return StudiesScreen()
    if name == "results":
        from tui.screens.results import ResultsScreen

        return ResultsScreen()
    if name == "queue":
        from tui.screens.queue import QueueScreen

        return QueueScreen()
    if name == "gpu":
        from tui.screens.gpus import GpuScreen

        return GpuScreen()
    from tui.screens.doctor import DoctorScreen

    return DoctorScreen()


def screen_for(destination: to.Destination) -> Page:
    """The screen that shows a destination; SteptuneError and OSError where its files cannot be shown."""
    match destination:
        case to.ToRun(row):
            from tui.screens.follow import FollowScreen

            return FollowScreen(RunFeed(row.path))
        case to.ToLog(run_path, title, at_error):
            from tui.screens.logs import LogsScreen

            return LogsScreen(run_path, title, at_error)
        case to.ToForm() | to.ToEntries() | to.ToPreflight():
            return _screen_of_form(destination)
        case to.ToReport(path, title):
            from tui.screens.report import ReportScreen

            return ReportScreen(path, title)
        case to.ToItem(items, index, report, first):
            from tui.screens.item import ItemScreen

            return ItemScreen(items, index, report, first)
        case to.ToAsk(path, question):
            return _ask(path, question)
        case to.ToComparison(rows):
            from tui.screens.compare import CompareScreen

            return CompareScreen(rows)
        case to.ToSweep(path):
            from tui.screens.sweep import SweepScreen

            return SweepScreen(path)
        case to.ToTrash():
            from tui.screens.trash import TrashScreen

            return TrashScreen()
        case to.ToRows(path):
            return _rows(path)
        case to.ToCuration(dataset, annotator):
            from toolkit.review.curation import Curation
            from tui.screens.curate import CurateScreen

            return CurateScreen(Curation(dataset, annotator or getpass.getuser()))
        case to.ToRating(packet):
            from toolkit.review.study.packet import read_packet
            from toolkit.review.study.session import Session
            from tui.screens.rate import RateScreen

            return RateScreen(Session(read_packet(packet)))
    raise ValueError(f"no screen shows {destination}")


def help_of(screen: Screen[Any]) -> Dialog | None:
    """The keys of a screen; None over the help itself."""
    from tui.screens.help import HelpScreen

    return None if isinstance(screen, HelpScreen) else HelpScreen(screen)


def _screen_of_form(destination: to.ToForm | to.ToEntries | to.ToPreflight) -> Page:
    match destination:
        case to.ToForm(form):
            from tui.screens.form import FormScreen

            return FormScreen(form)
        case to.ToEntries(form, key):
            from tui.screens.entries import EntriesScreen

            return EntriesScreen(form, key)
        case to.ToPreflight(form, settings):
            from tui.screens.preflight import PreflightScreen

            return PreflightScreen(form, settings)
    assert_never(destination)


def _ask(path: Path, question: str) -> Page:
    from toolkit.run_folder.find import run_around
    from toolkit.runs.run_model import model_of
    from toolkit.runs.served import asked_where_served
    from tui.screens.ask import AskScreen

    run = run_around(path / "-")
    if run is None:
        raise DataError(f"{path} lies in no run's folder, so that it has no model to ask.")
    return AskScreen(run, asked_where_served(run, model_of(run)), question)


def _rows(path: Path) -> Page:
    from tui.logic.jsonl_rows import JsonlRows
    from tui.screens.outputs import RowsScreen

    try:
        return RowsScreen(JsonlRows(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
