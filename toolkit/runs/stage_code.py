"""The code behind a stage: its program, every module of `toolkit` that the program can import, and the files that those
packages read.

Found in the text of the files (nothing is imported), from the recipe's `run.py` on: imports at the top and inside of
functions, packages above an imported module, and modules that are named in full as a text, as in the command line of a
worker (`-m toolkit.generation.worker`). Of each package, all other files in its folder and in subfolders that are no
packages count as well: the name tagger's model, word lists, templates.

Not covered: imports for type checkers alone, module names that are put together while the program runs, and the
versions of other libraries. After an upgrade of those that should train again, give `reuse=false`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from toolkit.records import sha256_file

PACKAGE = Path(__file__).resolve().parents[1]
# As text, because parsing three hundred files takes a second of every start; a test compares it with the parser.
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<module>[.\w]+)[ \t]+)?import[ \t]+(?P<names>\([^)]*\)|[^\n]+)", re.MULTILINE
)
_FOR_TYPES_ALONE = re.compile(r"^([ \t]*)if TYPE_CHECKING:\n(?:(?:\1[ \t]+[^\n]*|[ \t]*)\n)*", re.MULTILINE)
_COMMENT = re.compile(r"#[^\n]*")
_MODULE_AS_TEXT = re.compile(r"""["'](toolkit(?:\.\w+)+)["']""")
_NOT_READ = frozenset({"__pycache__", "bundle"})  # bundle: recipes and their sample data in the wheel, read as inputs


def code_of(script: Path) -> dict[str, str]:
    """SHA-256 by path of every file that the program `script` is made of, as the files are now."""
    files = {path.relative_to(PACKAGE).as_posix(): sha256_file(path) for path in sorted(_reached(script))}
    return {script.name: sha256_file(script), **files}


def _reached(script: Path) -> set[Path]:
    """The modules that a program can import, and the other files of their packages."""
    found: set[Path] = set()
    waiting = list(_imports(script))
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imports(module)
    packages = {module.parent for module in found if module.name == "__init__.py"}
    return found | {path for package in packages for path in _package_data(package)}


@cache
def _imports(file: Path) -> tuple[Path, ...]:
    """The files of `toolkit` that one file imports or names in full, with the packages above them."""
    text = _FOR_TYPES_ALONE.sub("", file.read_text(encoding="utf-8"))
    names = {name for found in _IMPORT.finditer(text) for name in _names(found, file)}
    names.update(found[1] for found in _MODULE_AS_TEXT.finditer(text))
    return tuple({path for name in names for path in _files_of(name)})


def _names(found: re.Match[str], file: Path) -> Iterator[str]:
    """Dotted names that a statement may import: of `from a.b import c` both `a.b` and `a.b.c`."""
    imported = (part.split()[0] for part in _COMMENT.sub("", found["names"]).strip("() \n").split(",") if part.strip())
    if found["module"] is None:
        yield from imported
        return
    module = found["module"].lstrip(".")
    if level := len(found["module"]) - len(module):
        above = file.parents[level - 1].relative_to(PACKAGE.parent).parts
        module = ".".join((*above, *([module] if module else [])))
    yield from (module, *(f"{module}.{name}" for name in imported))


@cache
def _modules() -> dict[str, Path]:
    """Every module of `toolkit` by its dotted name; a package is its `__init__.py`."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _files_of(name: str) -> Iterator[Path]:
    """A module's file and the `__init__.py` of each package above it; nothing for a name outside of `toolkit`."""
    # The last part may be a name inside of a module: that is no file.
    parts = name.split(".") if name.startswith(PACKAGE.name) else []
    names = (".".join(parts[:end]) for end in range(2, len(parts) + 1))
    yield from (path for path in map(_modules().get, (PACKAGE.name, *names)) if path and parts)


def _package_data(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            yield path
        elif path.is_dir() and path.name not in _NOT_READ and not (path / "__init__.py").exists():
            yield from (file for file in path.rglob("*") if file.is_file() and file.suffix != ".pyc")
