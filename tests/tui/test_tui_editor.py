"""The user's editor in place of the screens: they come back, however it ended."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import tui
from tui.pages.editor import edit_text


class Suspendable:
    """What `edit_text` uses of the application; it takes the terminal back as Textual does: not after an error."""

    def __init__(self) -> None:
        self.has_terminal = True
        self.said: list[str] = []

    @contextmanager
    def suspend(self) -> Iterator[None]:
        self.has_terminal = False
        yield
        self.has_terminal = True

    def notify(self, message: str, **_options: Any) -> None:
        self.said.append(message)


@pytest.mark.parametrize(
    ("editor", "said"),
    [
        ("/no/such/editor", "/no/such/editor could not be started: "),
        ("/", "/ could not be started: "),  # a folder
        ("'", "' could not be started: No closing quotation"),
        ("false", "false ended with 1; no change was applied."),
    ],
)
def test_the_screens_come_back_from_an_editor_that_does_not_start_or_fails(
    monkeypatch: pytest.MonkeyPatch, editor: str, said: str
) -> None:
    monkeypatch.setenv("VISUAL", editor)
    app = Suspendable()
    assert edit_text(app, "text", "row.txt") is None  # type: ignore[arg-type]
    assert app.has_terminal
    assert len(app.said) == 1
    assert app.said[0].startswith(said)


def test_what_the_editor_wrote_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "editor.py"
    program.write_text("import sys\nopen(sys.argv[1], 'a').write('more')\n")
    monkeypatch.setenv("VISUAL", f"{sys.executable} {program}")
    assert edit_text(Suspendable(), "text ", "row.txt") == "text more"  # type: ignore[arg-type]


def test_ctrl_c_in_the_editor_does_not_end_the_screens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "editor.py"
    program.write_text("import os, signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(0.1)\n")
    monkeypatch.setenv("VISUAL", f"{sys.executable} {program}")
    app = Suspendable()
    assert edit_text(app, "text", "row.txt") == "text"  # type: ignore[arg-type]
    assert app.has_terminal


def test_nothing_else_puts_the_screens_aside() -> None:
    callers = [
        file.name
        for file in Path(tui.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "suspend"
    ]
    assert callers == ["editor.py"]
