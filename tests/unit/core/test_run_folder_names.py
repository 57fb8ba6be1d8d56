"""The names in a run folder and the states of a run are spelled in `toolkit.run_folder` alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.source_strings import spelled
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State

NAMES = {
    path.name
    for name, member in vars(RunFolder).items()
    if name.endswith("_file") and isinstance(member, property) and (path := member.fget(RunFolder(Path()))).name  # type: ignore[misc]
}
# Words that are also something else than a state: a key of a document, an event, an error's kind, a call of a teacher.
STATES = {state.value for state in State} - {"finished", "failed", "cancelled", "unreadable"}


@pytest.mark.parametrize("words", [NAMES, STATES], ids=["names", "states"])
def test_nobody_else_spells_them(words: set[str]) -> None:
    assert spelled(words, ("toolkit", "tui", "recipes", "scripts"), ("toolkit/run_folder",)) == []


def test_the_names_are_those_that_runs_have_had_from_the_start() -> None:
    assert {"run.json", "config.yaml", "result.json", "events.jsonl", "metrics.jsonl", "log.txt", "run.lock"} <= NAMES
