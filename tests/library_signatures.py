"""Which keyword arguments a library takes, read from its installed source: nothing of it is imported, so that packages
for CUDA can be read on a machine without a card.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DEFINED = re.compile(r"^(?:class|def) (\w+)", re.MULTILINE)
LIBRARIES = ("vllm", "trl", "peft", "transformers", "accelerate")


@dataclass(frozen=True)
class Call:
    """A call of steptune's into a library: `qualified` is Class, Class.method or function; `keywords` by name."""

    library: str
    qualified: str
    keywords: frozenset[str]
    where: str


def calls_in(file: Path, root: Path) -> Iterator[Call]:
    """All calls of a module into the libraries, with the keys of dict literals that are passed as `**name`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name: str(node.module).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in LIBRARIES
        for alias in node.names
    }
    spread = _dict_keys(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (qualified := _name(node.func)) and qualified.split(".")[0] in imported:
            keys = {keyword.arg for keyword in node.keywords if keyword.arg}
            for keyword in node.keywords:
                if keyword.arg is None:
                    keys |= spread.get(_called(keyword.value), set())
            where = f"{file.relative_to(root)}:{node.lineno}"
            yield Call(imported[qualified.split(".")[0]], qualified, frozenset(keys), where)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{_name(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) and _name(node.value) else ""


def _called(node: ast.expr) -> str:
    return _name(node.func) if isinstance(node, ast.Call) else _name(node)


def _dict_keys(tree: ast.Module) -> dict[str, set[str]]:
    """Text keys of the dict literals that a variable is assigned, or that a function returns."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                name = _name(target.value if isinstance(target, ast.Subscript) else target)
                key = target.slice if isinstance(target, ast.Subscript) else None
                keys = {str(key.value)} if isinstance(key, ast.Constant) else _literal_keys(node.value)
                found.setdefault(name, set()).update(keys)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Dict):
                    spread = {
                        _name(value)
                        for key, value in zip(inner.value.keys, inner.value.values, strict=True)
                        if key is None
                    }
                    keys = _literal_keys(inner.value).union(*(found.get(name, set()) for name in spread))
                    found.setdefault(node.name, set()).update(keys)
    return found


def _literal_keys(node: ast.expr) -> set[str]:
    return {
        str(key.value)
        for literal in ast.walk(node)
        if isinstance(literal, ast.Dict)
        for key in literal.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


@dataclass
class Installed:
    """The libraries in one site-packages folder."""

    site: Path

    def parameters(self, library: str, qualified: str) -> set[str] | None:
        """Names that a class, method or function takes; None where it is not found."""
        owner, _, method = qualified.partition(".")
        texts = self._definitions(library, owner)
        names: set[str] = set()
        for tree, text in texts:
            for node in tree.body:
                if isinstance(node, ast.ClassDef) and node.name == owner:
                    names |= self._of_class(library, node, text, method)
                elif isinstance(node, ast.FunctionDef) and node.name == owner and not method:
                    names |= _arguments(node)
        return names if texts else None

    def _of_class(self, library: str, node: ast.ClassDef, text: str, method: str) -> set[str]:
        names: set[str] = set()
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and not method:
                names.add(_name(item.target))
            if isinstance(item, ast.FunctionDef) and item.name == (method or "__init__"):
                names |= _arguments(item)
                if item.args.kwarg:  # what it takes out of its **kwargs, in this module
                    names |= set(re.findall(r"kwargs\.(?:pop|get)\(\s*[\"'](\w+)[\"']", text))
        for base in node.bases:
            parent = _name(base.value if isinstance(base, ast.Subscript) else base).split(".")[-1]
            for other in LIBRARIES if parent.lstrip("_")[:1].isupper() else ():
                names |= self.parameters(other, f"{parent}.{method}" if method else parent) or set()
        return names

    @cache  # noqa: B019  (one object a test run)
    def _definitions(self, library: str, name: str) -> list[tuple[ast.Module, str]]:
        """Modules of a library that define this class or function."""
        return [(ast.parse(text), text) for text in self._modules(library).get(name, [])]

    @cache  # noqa: B019
    def _modules(self, library: str) -> dict[str, list[str]]:
        """The texts of a library's modules by what they define."""
        found: dict[str, list[str]] = {}
        # The models of transformers and vLLM are hundreds of modules that steptune never calls by name.
        for file in sorted((self.site / library).rglob("*.py")):
            if "models" not in file.parts or "auto" in file.parts:
                text = file.read_text(encoding="utf-8", errors="replace")
                for name in set(_DEFINED.findall(text)):
                    found.setdefault(name, []).append(text)
        return found

    def __hash__(self) -> int:
        return hash(self.site)


def _arguments(node: ast.FunctionDef) -> set[str]:
    given = node.args
    return {argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)} - {"self", "cls"}
