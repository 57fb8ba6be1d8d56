"""`steptune runs` with a filter, an order or columns: the same rules as in the screens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolkit.errors import UsageError
from toolkit.records import JSON
from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import filters
from toolkit.runs.row import RunRow
from toolkit.runs.selection import Order, nearest_name, select


def selected_runs(
    rows: Sequence[RunRow], text: str, order: str, turned: bool, columns: Sequence[str]
) -> tuple[list[RunRow], dict[Path, JSON]]:
    """The runs that fit, in order, and what each has under the columns, by the path of its folder.

    Raises:
        UsageError: a filter that cannot be read, or a name that no run has anything under.
    """

    def settings_of(row: RunRow) -> JSON:
        if row.path not in settings:
            settings[row.path] = read_config(RunFolder(row.path)).flat
        return settings[row.path]

    settings: dict[Path, JSON] = {}
    try:
        terms = filters.parse(text)
    except filters.FilterError as error:
        raise UsageError(str(error)) from None
    found = select(rows, terms, Order(order, turned), settings_of)
    if found.unknown:
        near = nearest_name(found.unknown[0], rows, settings_of)
        hint = f" Did you mean {near}?" if near else ""
        raise UsageError(f"No run has a column, number or setting {found.unknown[0]!r}.{hint}")
    cells = {
        row.path: {name: next(iter(filters.values_of(name, row, settings_of)), None) for name in columns}
        for row in found.rows
    }
    return found.rows, cells if columns else {}
