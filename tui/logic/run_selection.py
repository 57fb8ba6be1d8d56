"""Which runs the list shows, and how: filter, order, columns, marks, and the lines above and in place of the list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import filters
from toolkit.runs.row import COLUMNS, RunRow
from toolkit.runs.selection import (
    NEWEST,
    OWN_ORDERS,
    Order,
    Selected,
    differing,
    nearest_name,
    needs_settings,
    number_names,
    select,
)
from toolkit.terminal.layout import cut
from toolkit.terminal.text import clean
from tui.logic.lines import Line, line
from tui.logic.run_table import Column, visible_columns
from tui.logic.scanner import Snapshot
from tui.logic.sweep_rows import Item, SweepRow, fold

READ_AT_ONCE = 200  # settings of so many runs are read while one waits; of more, in the background
DIFFERING = "settings that differ"
ABOUT = ("user", "host", "tag")  # columns that are shown on demand
MOST_COMPARED = 200  # runs whose settings are compared for the columns of those that differ


class RunSelection:
    """`rows` are those of the last snapshot that the filter lets through, in order; `items` the lines of the list, in
    which the runs of a sweep are one line until it is unfolded; `marked` is in the order of marking.
    """

    def __init__(self) -> None:
        self.rows: list[RunRow] = []
        self.items: list[Item] = []
        self.unfolded: set[str] = set()
        self.marked: list[Path] = []
        self.terms: tuple[filters.Term, ...] = ()
        self.text = ""
        self.problem = ""
        self._filter_problem = False  # the problem is of the filter's text, not of what the runs have
        self.order = Order()
        self.columns: list[str] = []
        self.shows_differing = False
        self._settings: dict[Path, dict[str, Any]] = {}
        self._differing: tuple[tuple[Path, ...], list[str]] = ((), [])

    # What is shown ---------------------------------------------------------------------------------------------

    def unread(self, rows: Sequence[RunRow]) -> list[RunRow]:
        """The runs whose settings have to be read before filter and order can be applied; [] where that is quick."""
        if not needs_settings(self.terms, self.order, rows):
            return []
        found = [row for row in rows if row.path not in self._settings]
        return found if len(found) > READ_AT_ONCE else []

    def take(self, snapshot: Snapshot) -> None:
        found = select(snapshot.rows, self.terms, self.order, self.settings_of)
        self.rows = found.rows
        self.items = fold(found.rows, self.unfolded) if self.folds_sweeps else list(found.rows)
        if not self._filter_problem:
            self.problem = self._unknown(found, snapshot)
        there = {row.path for row in snapshot.rows}
        if snapshot.complete and not there.issuperset(self.marked):
            self.marked = [path for path in self.marked if path in there]

    @property
    def folds_sweeps(self) -> bool:
        """Not where one orders by something, or asks for the runs of a sweep."""
        return self.order.name == NEWEST and not any(term.key in ("sweep", "parent") for term in self.terms)

    def _unknown(self, found: Selected, snapshot: Snapshot) -> str:
        if not found.unknown or not snapshot.complete:
            return ""
        name = clean(found.unknown[0])
        near = nearest_name(name, snapshot.rows, self.settings_of)
        return f"no run has a column, number or setting {name}" + (f"; did you mean {clean(near)}?" if near else "")

    def index_of(self, run_id: str | None) -> int | None:
        """Where a run or sweep stands; that of its sweep for a run that is folded away."""
        for index, item in enumerate(self.items):
            if item.id == run_id:
                return index
            if isinstance(item, SweepRow) and not item.is_open and any(row.id == run_id for row in item.runs):
                return index
        return None

    def set_filter(self, text: str) -> None:
        """Apply a filter as far as it can be read; while a term is half-typed the last good filter stays."""
        self.text, self.problem = text, ""
        try:
            self.terms = filters.parse(text)
        except filters.FilterError as error:
            self.problem = clean(error)
        self._filter_problem = bool(self.problem)

    def order_by(self, name: str) -> None:
        """Sort by something else; the same again turns the order round."""
        self.order = Order(name, not self.order.turned if name == self.order.name else False)

    def orders(self, snapshot: Snapshot) -> list[tuple[str, str]]:
        """What the runs can be sorted by, and what the present order is."""
        names = [*OWN_ORDERS, *(name for name in number_names(snapshot.rows) if name not in OWN_ORDERS)]
        way = "turned round; again turns it back" if self.order.turned else "again turns it round"
        found = [(name, way if name == self.order.name else "") for name in names]
        return found if self.order.name in names else [(self.order.name, way), *found]

    # Columns ---------------------------------------------------------------------------------------------------

    def visible_columns(self, width: int) -> list[Column]:
        """The columns of the list: what was chosen, what one sorts and filters by, and the settings that differ."""
        return visible_columns(width, self.extra_columns(), self.cell)

    def extra_columns(self) -> list[str]:
        by_order = [] if self.order.name in OWN_ORDERS else [self.order.name]
        by_filter = [term.key for term in self.terms if term.key and term.key not in COLUMNS]
        differ = self.differing() if self.shows_differing else []
        own = {"step", "recipe", "model"}
        return [name for name in dict.fromkeys([*self.columns, *by_order, *by_filter, *differ]) if name not in own]

    def differing(self) -> list[str]:
        """The settings that differ among the first runs that are shown."""
        rows = self.rows[:MOST_COMPARED]
        key = tuple(row.path for row in rows)
        if key != self._differing[0]:
            self._differing = key, differing(rows, self.settings_of)
        return self._differing[1]

    def column_choices(self, snapshot: Snapshot) -> list[tuple[str, str]]:
        """What can be a column, those that are one marked."""
        settings = list(self.settings_of(self.rows[0])) if self.rows else []
        chosen = {*self.columns, *([DIFFERING] if self.shows_differing else [])}
        names = dict.fromkeys([DIFFERING, *number_names(snapshot.rows), *ABOUT, *settings])
        return [(name, "shown; again hides it" if name in chosen else "") for name in names]

    def toggle_column(self, name: str) -> None:
        if name == DIFFERING:
            self.shows_differing = not self.shows_differing
        elif name in self.columns:
            self.columns.remove(name)
        else:
            self.columns.append(name)

    def cell(self, row: RunRow, name: str) -> Any:
        """What a run has under the name of a column, number or setting."""
        found = filters.values_of(name, row, self.settings_of)
        return " ".join(found) if name == "tag" else next(iter(found), None)

    # Marks -----------------------------------------------------------------------------------------------------

    def toggle_mark(self, item: Item) -> None:
        """Of a run, or of all runs of a sweep."""
        paths = [row.path for row in runs_of(item)]
        if set(paths) <= set(self.marked):
            self.unmark(paths)
        else:
            self.marked = list(dict.fromkeys([*self.marked, *paths]))

    def mark_all(self) -> None:
        """Mark all that are shown; where all are marked, take the marks back."""
        shown = [row.path for row in self.rows]
        self.marked = [] if set(shown) <= set(self.marked) else list(dict.fromkeys([*self.marked, *shown]))

    def unmark(self, paths: Iterable[Path]) -> None:
        gone = set(paths)
        self.marked = [path for path in self.marked if path not in gone]

    def marked_rows(self, snapshot: Snapshot) -> list[RunRow]:
        by_path = {row.path: row for row in snapshot.rows}
        return [by_path[path] for path in self.marked if path in by_path]

    def settings_of(self, row: RunRow) -> dict[str, Any]:
        if row.path not in self._settings:
            self._settings[row.path] = read_config(RunFolder(row.path)).flat
        return self._settings[row.path]

    # Between two starts ----------------------------------------------------------------------------------------

    def remembered(self, cursor: str | None) -> dict[str, Any]:
        """What the next start takes up."""
        columns = [*self.columns, *([DIFFERING] if self.shows_differing else [])]
        return {"filter": self.text, "sort": str(self.order), "columns": columns, "cursor": cursor}

    def restore(self, remembered: Any) -> str | None:
        """Take up what was remembered; returns the id of the run that had the cursor."""
        if not isinstance(remembered, dict):
            return None
        self.order = Order.from_text(str(remembered.get("sort") or Order()))
        columns = remembered.get("columns")
        names = [str(name) for name in columns] if isinstance(columns, list) else []
        self.shows_differing, self.columns = DIFFERING in names, [name for name in names if name != DIFFERING]
        self.set_filter(str(remembered.get("filter", "")))
        return str(remembered["cursor"]) if remembered.get("cursor") else None


def runs_of(item: Item | None) -> list[RunRow]:
    """The runs that a line of the list stands for."""
    return list(item.runs) if isinstance(item, SweepRow) else [] if item is None else [item]


def head_line(selection: RunSelection, snapshot: Snapshot, root: Path, width: int) -> Line:
    """How many runs there are, of which folder, by which filter and order."""
    if selection.problem:
        return line((f" {cut(selection.problem, width - 2)}", "bad"))
    total = f"{snapshot.total:,} runs"
    count = f"{len(selection.rows):,} of {total}" if selection.terms else total
    read = "" if len(snapshot.rows) >= snapshot.total else f"  {len(snapshot.rows):,} read"
    extra = f"  {len(selection.marked)} marked" if selection.marked else ""
    way = " turned" if selection.order.turned else ""
    spans: list[Any] = [(f" {count}", "title"), (read, "warn"), (extra, "mark")]
    spans.append((f"  by {clean(selection.order.name)}{way}", "dim"))
    if selection.text:
        return line(*spans, ("  filter: ", "dim"), (cut(clean(selection.text), max(8, width - 50)), "key"))
    return line(*spans, (f"  in {clean(root)}"[: max(0, width - 34)], "dim"))


def nothing_lines(snapshot: Snapshot, scanned: bool, root: Path) -> list[Line]:
    """What is shown where the list would be, while it is empty."""
    if snapshot.problem:
        return [(), line(("  " + snapshot.problem, "bad"))]
    if snapshot.rows:
        return [(), line(("  No run fits the filter; ", ""), ("esc", "key"), " shows all.")]
    if not scanned or snapshot.total:
        return [(), line(("  reading the runs ...", "dim"))]
    return [
        (),
        line(f"  There are no runs in {clean(root)} yet.", ("", "")),
        (),
        line(
            "  steptune teaches a language model to answer how-to questions in numbered steps, and shows by a test that"
            " it does: data set, training, answers before and after, and a report of what is better."
        ),
        (),
        line("  ", ("L", "key"), "  shows the demo of all that, which takes 8 to 15 minutes on two CPU cores"),
        line("  ", ("2", "key"), "  picks a recipe, adjusts it and starts it"),
        line("  ", ("6", "key"), "  says what this machine can run"),
    ]
