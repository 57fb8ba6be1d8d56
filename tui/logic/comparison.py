"""Two to six runs side by side: the settings that differ, their numbers, and both as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.run_folder.comparison import Table, differing_settings, headline_numbers
from toolkit.run_folder.folder import RunFolder
from toolkit.runs.row import RunRow
from toolkit.terminal.numbers import number
from toolkit.terminal.text import clean
from toolkit.terminal.values import shown

MAX_RUNS = 6


@dataclass(frozen=True)
class Comparison:
    """`settings` and `numbers` hold one value per run under each name, None where a run has none."""

    rows: tuple[RunRow, ...]
    settings: dict[str, tuple[Any, ...]]
    numbers: dict[str, tuple[Any, ...]]

    @property
    def labels(self) -> list[str]:
        return short_labels([row.id for row in self.rows])


def compare(rows: Sequence[RunRow]) -> Comparison:
    """Reads configs and results of the runs."""
    runs = [RunFolder(row.path) for row in rows]
    differing, measured = _clean(differing_settings(runs)), _clean(headline_numbers(runs))
    general = {
        "state": tuple(row.state for row in rows),
        "loss": tuple(row.loss for row in rows),
        "seconds": tuple(row.seconds for row in rows),
        "peak memory, GiB": tuple(row.peak_memory_gib for row in rows),
    }
    return Comparison(tuple(rows), differing, {**general, **measured})


def _clean(table: Table) -> Table:
    return {clean(name): values for name, values in table.items()}


def short_labels(ids: Sequence[str]) -> list[str]:
    """The last part of each id where that tells them apart, else the whole id."""
    short = [name.rsplit("-", 1)[-1] for name in ids]
    return short if len(set(short)) == len(short) and all(short) else list(ids)


def number_cell(value: Any) -> str:
    """A measured number as a cell of a table, to four digits; `-` where a run has none."""
    return "-" if value is None else number(value) if isinstance(value, float) else clean(shown(value))


def setting_cell(value: Any) -> str:
    """A setting as a cell of a table, exactly."""
    return "-" if value is None else clean(shown(value))


def to_markdown(comparison: Comparison) -> str:
    """Two tables: numbers, then the settings that differ."""
    header = ["", *(row.id for row in comparison.rows)]
    numbers = [[name, *map(number_cell, values)] for name, values in comparison.numbers.items()]
    settings = [[f"`{name}`", *map(setting_cell, values)] for name, values in comparison.settings.items()]
    parts = [
        "# Comparison of " + ", ".join(row.id for row in comparison.rows),
        "## Numbers",
        _markdown_table(header, numbers),
        "## Settings that differ",
    ]
    parts.append(_markdown_table(header, settings) if settings else "None.")
    return "\n\n".join(parts) + "\n"


def _markdown_table(header: list[str], rows: list[list[str]]) -> str:
    def join(cells: list[str]) -> str:
        return "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"

    return "\n".join([join(header), "|" + " --- |" * len(header), *map(join, rows)])


def to_csv(comparison: Comparison) -> str:
    """One row per number or setting: kind, name, one column per run. Cells that a spreadsheet would run are quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["kind", "name", *(row.id for row in comparison.rows)])
    for kind, table in (("number", comparison.numbers), ("setting", comparison.settings)):
        for name, values in table.items():
            writer.writerow([kind, name, *(_csv_cell(value) for value in values)])
    return out.getvalue()


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return repr(value)
    text = clean(shown(value))
    return f"'{text}" if text.startswith(("=", "+", "@", "-")) else text
