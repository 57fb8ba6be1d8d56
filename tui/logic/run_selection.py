"""Which runs the list shows, and how: filter, order, marks, and the lines above and in place of the list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.layout import cut
from toolkit.terminal.text import clean
from tui.logic import filters
from tui.logic.comparison import MAX_RUNS
from tui.logic.lines import Line, line
from tui.logic.run_row import RunRow
from tui.logic.run_table import SORTS, select
from tui.logic.scanner import Snapshot


class RunSelection:
    """`rows` are those of the last snapshot that the filter lets through, in order; `marked` is in the order of
    marking.
    """

    def __init__(self) -> None:
        self.rows: list[RunRow] = []
        self.marked: list[Path] = []
        self.terms: tuple[filters.Term, ...] = ()
        self.text = ""
        self.problem = ""
        self.sort = SORTS[0]
        self._settings: dict[Path, dict[str, Any]] = {}

    def take(self, snapshot: Snapshot) -> None:
        self.rows = select(snapshot.rows, self.terms, self.sort, self.settings_of)

    def index_of(self, run_id: str | None) -> int | None:
        return next((index for index, row in enumerate(self.rows) if row.id == run_id), None)

    def set_filter(self, text: str) -> None:
        """Apply a filter as far as it can be read; while a term is half-typed the last good filter stays."""
        self.text, self.problem = text, ""
        try:
            self.terms = filters.parse(text)
        except filters.FilterError as error:
            self.problem = clean(error)

    def next_order(self) -> None:
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]

    def toggle_mark(self, row: RunRow) -> bool:
        """Mark a run for comparing, or take the mark back; False where there are as many as can be compared."""
        if row.path in self.marked:
            self.marked.remove(row.path)
        elif len(self.marked) == MAX_RUNS:
            return False
        else:
            self.marked.append(row.path)
        return True

    def marked_rows(self, snapshot: Snapshot) -> list[RunRow]:
        found = [row for row in snapshot.rows if row.path in self.marked]
        return sorted(found, key=lambda row: self.marked.index(row.path))

    def settings_of(self, row: RunRow) -> dict[str, Any]:
        if row.path not in self._settings:
            self._settings[row.path] = read_config(RunFolder(row.path)).flat
        return self._settings[row.path]

    def remembered(self, cursor: str | None) -> dict[str, Any]:
        """What the next start takes up."""
        return {"filter": self.text, "sort": self.sort, "cursor": cursor}

    def restore(self, remembered: Any) -> str | None:
        """Take up what was remembered; returns the id of the run that had the cursor."""
        if not isinstance(remembered, dict):
            return None
        self.sort = str(remembered.get("sort")) if remembered.get("sort") in SORTS else SORTS[0]
        self.set_filter(str(remembered.get("filter", "")))
        return str(remembered["cursor"]) if remembered.get("cursor") else None


def head_line(selection: RunSelection, snapshot: Snapshot, root: Path, width: int) -> Line:
    """How many runs there are, of which folder, by which filter and order."""
    if selection.problem:
        return line((f" {cut(selection.problem, width - 2)}", "bad"))
    count = f"{len(selection.rows)} of {len(snapshot.rows)} runs" if selection.terms else f"{len(snapshot.rows)} runs"
    extra = f"  {len(selection.marked)} marked" if selection.marked else ""
    spans: list[Any] = [(f" {count}", "title"), (extra, "mark"), (f"  by {selection.sort}", "dim")]
    if selection.text:
        return line(*spans, ("  filter: ", "dim"), (cut(clean(selection.text), max(8, width - 50)), "key"))
    return line(*spans, (f"  in {clean(root)}"[: max(0, width - 34)], "dim"))


def nothing_lines(snapshot: Snapshot, scanned: bool, root: Path) -> list[Line]:
    """What is shown where the list would be, while it is empty."""
    if snapshot.problem:
        return [(), line(("  " + snapshot.problem, "bad"))]
    if snapshot.rows:
        return [(), line(("  No run fits the filter; ", ""), ("esc", "key"), " shows all.")]
    if not scanned:
        return [(), line(("  reading the runs ...", "dim"))]
    return [
        (),
        line(f"  There are no runs in {clean(root)} yet.", ("", "")),
        (),
        line("  ", ("n", "key"), "  picks a recipe, adjusts it and starts it"),
        line("  ", ("6", "key"), "  says what this machine can run"),
    ]
