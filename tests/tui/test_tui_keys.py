"""A key means the same on every screen, and the documentation has the same table."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from textual.binding import Binding
from textual.dom import DOMNode

import tui
from tui.keys import KEYS
from tui.pages.page import Dialog
from tui.places import PLACES
from tui.widgets.bars import key_name

ROOT = Path(tui.__file__).parent
TABLE = {key: entry for entry in KEYS for key in entry.keys}


def test_every_binding_means_what_the_table_says_of_its_key() -> None:
    strangers = []
    for owner, key, action in bindings():
        entry = TABLE.get(key)
        if entry is None or action not in entry.actions:
            strangers.append(f"{owner}: {key} calls {action}, the table says: {entry.meaning if entry else 'nothing'}")
    assert strangers == []


def test_no_key_stands_in_the_table_twice_or_without_use() -> None:
    keys = [key for entry in KEYS for key in entry.keys]
    assert sorted(set(keys)) == sorted(keys)
    assert not set(keys) & {place.key for place in PLACES}
    used = {(key, action) for _, key, action in bindings()}
    assert [
        (entry.keys, action)
        for entry in KEYS
        for action in entry.actions
        if not any((key, action) in used for key in entry.keys)
    ] == []


def test_the_documentation_has_the_table() -> None:
    lines = (ROOT.parent / "docs" / "screens.md").read_text(encoding="utf-8").splitlines()
    rows = [f"| {' '.join(f'`{key_name(key)}`' for key in entry.keys)} | {entry.meaning} |" for entry in KEYS]
    assert [row for row in rows if row not in lines] == []


def bindings() -> Iterator[tuple[str, str, str]]:
    """(class, key, action) of every screen and widget, less what answers questions: dialogs, the scores of a rating."""
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT.parent).with_suffix("").parts
        if parts[-1] in ("__init__", "__main__"):
            continue
        module = importlib.import_module(".".join(parts))
        for name, owner in inspect.getmembers(module, inspect.isclass):
            is_ours = owner.__module__ == module.__name__ and issubclass(owner, DOMNode)
            if not is_ours or issubclass(owner, Dialog):
                continue
            for binding in owner.__dict__.get("BINDINGS", []):
                assert isinstance(binding, Binding)
                action = binding.action.partition("(")[0]
                if action not in ("go", "digit"):
                    yield from ((name, key, action) for key in binding.key.split(","))
