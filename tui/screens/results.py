"""Results: the evaluations of this folder, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from toolkit.catalog import recipe_of_run
from toolkit.results.reading import find_results
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.row import RunRow
from toolkit.terminal.layout import cut, fit
from toolkit.terminal.numbers import age, counted
from tui.destinations import ToReport
from tui.logic.lines import Line, line
from tui.logic.scanner import Snapshot
from tui.pages.page import Page
from tui.widgets.item_list import ItemList
from tui.widgets.line_view import Panel


@dataclass(frozen=True)
class Evaluation:
    """A finished run that wrote a report."""

    row: RunRow
    path: Path


def find_evaluations(rows: Iterable[RunRow]) -> list[Evaluation]:
    """Finished evaluate and pipeline runs whose results.json exists, newest first."""
    found = []
    for row in rows:
        reports = "report" in recipe_of_run(row.recipe).outputs and row.state is State.FINISHED
        if reports and (path := find_results(RunFolder(row.path))):
            found.append(Evaluation(row, path))
    return found


class ResultsScreen(Page):
    """The evaluations, newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.go('runs')", "Back")]

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Evaluation] = []

    def body(self) -> Iterable[Widget]:
        yield Panel(id="results-head", classes="head")
        yield ItemList(self._draw, id="evaluations")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#evaluations", ItemList).focus()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        super().show_snapshot(snapshot)
        if not self.is_current:
            return
        # Reads the result of each run: not in the event loop.
        self.in_thread(lambda: find_evaluations(snapshot.rows), self._show, newest=True)

    def _show(self, found: list[Evaluation]) -> None:
        self.found = found
        view = self.query_one("#evaluations", ItemList)
        view.empty = [
            (),
            line("  No evaluation has finished in this folder yet."),
            line(("  `evaluate` compares predictions with the references; `pipeline` runs it last.", "dim")),
        ]
        view.set_count(len(self.found))
        self.show_head("#results-head", counted(len(found), "evaluation"), "↵ opens table, forest plot and items")

    def _draw(self, index: int, width: int) -> Line:
        import time

        row = self.found[index].row
        when = age(time.time() - row.created) if row.created else "-"
        return line(
            f" {fit(cut(row.id, 37), 38)}",
            (fit(row.recipe, 10), "dim"),
            (fit(when, 8), "dim"),
            cut(row.headline, max(0, width - 57)),
        )

    def on_item_list_chosen(self, message: ItemList.Chosen) -> None:
        evaluation = self.found[message.index]
        self.steptune.open(ToReport(evaluation.path, evaluation.row.id))
