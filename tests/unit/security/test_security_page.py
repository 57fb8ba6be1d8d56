"""docs/security.md names a test for each line, and each of those tests exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


@cache
def names_in(file: str) -> frozenset[str]:
    path = ROOT / "tests" / (file if file.startswith(("tui/", "e2e/")) else f"unit/{file}")
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def test_every_line_of_the_threat_model_names_tests_that_exist() -> None:
    text = (ROOT / "docs/security.md").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and "| they control" not in line]
    assert len(lines) >= 35
    assert [line for line in lines if not NAMED.search(line)] == []
    assert [f"{file}::{name}" for file, name in NAMED.findall(text) if name not in names_in(file)] == []


def test_every_test_of_this_folder_is_on_the_page() -> None:
    """Those that test the tests are not."""
    text = (ROOT / "docs/security.md").read_text("utf-8")
    here = {name for file in Path(__file__).parent.glob("test_*.py") for name in names_in(f"security/{file.name}")}
    itself = names_in("security/test_security_page.py") | {
        "test_the_look_finds_what_it_looks_for",
        "test_an_option_that_does_not_exist_does_not_show_what_it_was_given",
    }
    assert sorted(here - itself - {name for _, name in NAMED.findall(text)}) == []
