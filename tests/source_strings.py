"""The texts that a source file spells, docstrings left out: for tests that a name is spelled in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import toolkit

ROOT = Path(toolkit.__file__).resolve().parents[1]


def spelled(words: set[str], folders: tuple[str, ...], rooms: tuple[str, ...]) -> list[str]:
    """Where a text in `folders` is one of `words`, as `file:line: word`; `rooms` (files and folders) may spell them."""
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in files
        if not any(path.is_relative_to(ROOT / room) for room in rooms)
        for line, text in _strings(path)
        if text in words
    ]


def _strings(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.lineno, node.value
