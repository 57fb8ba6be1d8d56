"""The data sets of a runs folder: what finished data-build runs wrote, with the numbers of their cards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolkit.catalog import recipe_of_run
from toolkit.dataset_folder.documents import is_leak_free, split_sizes
from toolkit.dataset_folder.names import SPLITS
from toolkit.review.audited_card import newest_card
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.outputs import output_of
from toolkit.runs.row import RunRow
from toolkit.terminal.layout import wrap
from toolkit.terminal.text import clean, clean_text
from tui.logic.lines import Line, Span, line


@dataclass(frozen=True)
class DataSet:
    """A data set with the rows of its splits, from its card."""

    row: RunRow
    path: Path
    rows: dict[str, int]
    leak_free: bool

    @property
    def sign(self) -> Span:
        """What one should know before training on it."""
        if empty := [name for name in SPLITS if not self.rows.get(name)]:
            return Span(f" {empty[0]} is empty ", "bad")
        return Span(" leak-free ", "good") if self.leak_free else Span(" not certified ", "bad")


def find_data_sets(rows: Iterable[RunRow]) -> list[DataSet]:
    """The data sets of data-build and pipeline runs, newest first."""
    found = []
    for row in rows:
        made = "dataset" in recipe_of_run(row.recipe).outputs
        path = output_of(RunFolder(row.path), "dataset") if made else None
        sizes = split_sizes(path) if path else None
        if path is not None and sizes is not None:
            found.append(DataSet(row, path, sizes, is_leak_free(path)))
    return found


def card_lines(path: Path, width: int) -> list[Line]:
    """card.md as lines: titles stand out, tables keep their columns."""
    try:
        text = clean_text(newest_card(path).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return [line(("  This data set has no card.", "dim"))]
    lines: list[Line] = []
    table: list[list[str]] = []
    for raw in [*text.split("\n"), ""]:
        if raw.startswith("|"):
            table.append([cell.strip() for cell in raw.strip("|").split("|")])
            continue
        lines += _table_lines(table, width)
        table = []
        if raw.startswith("#"):
            lines.append(line((f" {raw.lstrip('# ')}", "title")))
        elif raw.startswith("!["):
            lines.append(line((f" picture: {raw.split('](')[-1].rstrip(')')}", "dim")))
        else:
            lines += [line(f" {part}") for part in wrap(raw, width - 1)]
    return lines


def _table_lines(table: list[list[str]], width: int) -> list[Line]:
    rows = [row for row in table if not all(set(cell) <= {"-"} and cell for cell in row)]
    if not rows:
        return []
    most = max(8, (width - 2) // 2)
    columns = range(max(len(row) for row in rows))
    widths = [min(most, max(len(row[at]) if at < len(row) else 0 for row in rows)) for at in columns]
    lines = []
    for number, row in enumerate(rows):
        cells = [cell[: widths[at]].ljust(widths[at]) if at < len(row) - 1 else cell for at, cell in enumerate(row)]
        lines.append(line((clean(" " + "  ".join(cells))[: max(0, width)], "dim" if number == 0 else "")))
    return lines
