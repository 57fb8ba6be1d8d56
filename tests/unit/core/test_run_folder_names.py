"""The names in a run folder and the states of a run are spelled in `toolkit.run_folder` alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import toolkit
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State

ROOT = Path(toolkit.__file__).resolve().parents[1]
ROOM = ROOT / "toolkit" / "run_folder"
FOLDERS = ("toolkit", "tui", "recipes", "scripts")
NAMES = {
    path.name
    for name, member in vars(RunFolder).items()
    if name.endswith("_file") and isinstance(member, property) and (path := member.fget(RunFolder(Path()))).name  # type: ignore[misc]
}
# Words that are also something else than a state: a key of a document, an event, an error's kind, a call of a teacher.
STATES = {state.value for state in State} - {"finished", "failed", "cancelled", "unreadable"}


def _strings(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.lineno, node.value


def _sources() -> list[Path]:
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in files if not path.is_relative_to(ROOM)]


@pytest.mark.parametrize("words", [NAMES, STATES], ids=["names", "states"])
def test_nobody_else_spells_them(words: set[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in _sources()
        for line, text in _strings(path)
        if text in words
    ]
    assert found == []


def test_the_names_are_those_that_runs_have_had_from_the_start() -> None:
    assert {"run.json", "config.yaml", "result.json", "events.jsonl", "metrics.jsonl", "log.txt", "run.lock"} <= NAMES
