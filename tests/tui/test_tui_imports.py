"""Who knows whom in the screens: no circle, and one place that knows them all. Imports inside functions and those for
types count as well.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import tui

ROOT = Path(tui.__file__).parent


def imports() -> dict[str, set[str]]:
    """Module of tui -> modules of tui that it imports anywhere."""
    files = {_module(file): file for file in ROOT.rglob("*.py")}
    found: dict[str, set[str]] = {}
    for name, file in files.items():
        wanted: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: a relative import, which this test does not follow"
                wanted |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
        found[name] = {module for module in wanted if module in files and module != "tui"} - {name}
    return found


def _module(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_module_imports_itself_by_a_circle() -> None:
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        raise AssertionError(f"a circle of imports: {' <- '.join(error.args[1])}") from None


def test_a_screen_is_known_to_the_directory_only() -> None:
    for name, wanted in imports().items():
        screens = {module for module in wanted if module.startswith("tui.screens.")}
        assert not screens or name == "tui.directory", f"{name} imports {screens}; it may open a destination instead"


def test_what_draws_knows_neither_the_application_nor_the_directory() -> None:
    for name, wanted in imports().items():
        if name.startswith(("tui.screens", "tui.pages", "tui.widgets", "tui.logic")):
            assert not wanted & {"tui.app", "tui.directory", "tui.palette"}, name
        if name.startswith("tui.widgets"):
            assert not any(module.startswith("tui.pages.") for module in wanted), name
        if name.startswith("tui.logic"):
            assert all(module.startswith("tui.logic") for module in wanted), name


def test_the_start_loads_no_screen_but_the_first_and_no_settings() -> None:
    script = "import sys, tui.app, tui.screens.runs; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("tui.screens.")} == {"tui.screens.runs"}
    assert not loaded & {"pydantic", "toolkit.settings"}
