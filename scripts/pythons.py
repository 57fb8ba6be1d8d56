"""The core on each Python that the package names, where that Python can be had: `make pythons`.

    python3 scripts/pythons.py [--only 3.12]

Standard library only. For each: a fresh environment in a temporary folder, the package with what the core needs, all
modules compiled, the commands that look (version, recipes, doctor), a config of each recipe, a plan, the completion.
Prints a line each; exit code 1 if one fails. All tests with all packages on another Python: in a clone of its own
`make setup PYTHON=python3.12`, then `make test`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPILE = """
import compileall, pathlib, toolkit, tui
folders = [pathlib.Path(package.__file__).parent for package in (toolkit, tui)]
raise SystemExit(not all(compileall.compile_dir(folder, quiet=1, force=True) for folder in folders))
"""
LINES = (
    ("--version",),
    ("recipes", "--json"),
    *(("recipes", recipe) for recipe in ("data-build", "sft", "generate", "evaluate", "serve", "pipeline")),
    ("doctor", "--json"),
    ("runs", "--json"),
    ("plan", "--effect", "0.05", "--sd", "0.1", "--training-sd", "0.02", "--json"),
    ("completion", "bash"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="VERSION", help="one of those that the package names")
    args = parser.parse_args()
    failed = False
    for version in named():
        if args.only and version != args.only:
            continue
        program = find(version)
        said = "not installed here" if program is None else try_on(program)
        print(f"Python {version}: {said or 'works'}", flush=True)
        failed |= said is not None and program is not None
    return 1 if failed else 0


def named() -> list[str]:
    """The versions among the classifiers of pyproject.toml, such as 3.12."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = [line.rpartition(" ")[2] for line in project["classifiers"] if ":: Python ::" in line]
    return [version for version in found if "." in version]


def find(version: str) -> str | None:
    """An interpreter of that version which starts: on the path, or one of pyenv's."""
    for program in candidates(version):
        asked = [program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == version:
            return program
    return None


def candidates(version: str) -> Iterator[str]:
    if on_path := shutil.which(f"python{version}"):
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from (str(path) for path in sorted(pyenv.glob(f"versions/{version}*/bin/python"), reverse=True))


def try_on(program: str) -> str | None:
    """Why steptune does not work on that interpreter, or None."""
    with tempfile.TemporaryDirectory(prefix="steptune-python-") as scratch:
        folder = Path(scratch)
        binaries = folder / "venv" / "bin"
        steps = [
            [program, "-m", "venv", str(folder / "venv")],
            [str(binaries / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", str(ROOT)],
            [str(binaries / "python"), "-W", "error", "-c", COMPILE],
            *([str(binaries / "steptune"), *line] for line in LINES),
        ]
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "STEPTUNE_RUNS")}
        for step in steps:
            done = subprocess.run(step, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                lines = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
                return f"`{Path(step[0]).name} {' '.join(step[1:4])}` failed: {lines[-1]}"
    return None


if __name__ == "__main__":
    sys.exit(main())
