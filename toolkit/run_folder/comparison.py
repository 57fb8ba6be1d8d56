"""What differs between runs, by name: a value for each run, None where a run has none."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.folder import RunFolder

Table = dict[str, tuple[Any, ...]]


def differing_settings(runs: Sequence[RunFolder]) -> Table:
    """The settings of which not all runs have the same value, by their dotted names."""
    table = _by_name([read_config(run).flat for run in runs])
    return {name: values for name, values in table.items() if len({repr(value) for value in values}) > 1}


def headline_numbers(runs: Sequence[RunFolder]) -> Table:
    """The headline numbers of the results."""
    return _by_name([_headline(run) for run in runs])


def _headline(run: RunFolder) -> Mapping[str, Any]:
    with contextlib.suppress(OSError):  # somebody else's, perhaps
        if result := run.result:
            return result.headline
    return {}


def _by_name(rows: Sequence[Mapping[str, Any]]) -> Table:
    return {name: tuple(row.get(name) for row in rows) for name in dict.fromkeys(name for row in rows for name in row)}
