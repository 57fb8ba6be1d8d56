"""Paths that an option may have: what the runs of the folder have made, and the rest of a path that is being typed."""

from __future__ import annotations

import os
from collections.abc import Sequence

from toolkit.catalog import recipe_of_run
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.outputs import output_of
from toolkit.run_folder.states import State
from toolkit.runs.row import RunRow

NEWEST = 60  # runs that are looked through
# The outputs that fit an option, by the last part of its name.
_OUTPUTS: dict[str, tuple[str, ...]] = {
    "data": ("dataset",),
    "adapter": ("adapter",),
    "predictions.path": ("predictions", "predictions_tuned", "predictions_baseline"),
}


def path_choices(key: str, rows: Sequence[RunRow]) -> list[tuple[str, str]]:
    """(path, what it is) for an option by its dotted name, newest first; [] for one that no run makes anything for."""
    wanted = next((names for last, names in _OUTPUTS.items() if key == last or key.endswith(f".{last}")), ())
    found: dict[str, str] = {}
    for row in rows[:NEWEST] if wanted else ():
        made = recipe_of_run(row.recipe).outputs
        for name in wanted:
            if name in made and row.state is not State.UNREADABLE and (path := output_of(RunFolder(row.path), name)):
                found.setdefault(str(path), f"{row.id}{f': {row.headline}' if row.headline else ''}")
    return list(found.items())


def complete(text: str) -> str:
    """The text with as much of a path as all files that begin with it have in common; a folder ends with a slash."""
    folder, beginning = os.path.split(os.path.expanduser(text))
    try:
        names = [name for name in os.listdir(folder or ".") if name.startswith(beginning)]
    except OSError:
        return text
    if not beginning:
        names = [name for name in names if not name.startswith(".")]
    common = os.path.commonprefix(names)  # noqa: RUF071 letter by letter is what one types
    if not common:
        return text
    path = os.path.join(folder, common)
    ends = len(names) == 1 and os.path.isdir(path)
    return f"{path}/" if ends else path if len(common) > len(beginning) else text


def is_path(text: str) -> bool:
    """Whether what is typed is a path, so that Tab completes it."""
    return text.startswith(("/", "~", "."))
