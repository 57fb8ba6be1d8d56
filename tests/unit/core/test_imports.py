"""The import rules as they are at run time: each core module in a fresh process, and what it pulled in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import toolkit

ROOT = Path(toolkit.__file__).parent
HEAVY = {"torch", "numpy", "pandas", "datasets", "transformers", "trl", "peft", "vllm", "accelerate", "evaluate"}
CORE = sorted(
    "toolkit." + path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for path in [
        *ROOT.glob("*.py"),
        *(
            file
            for room in ("options", "results", "statistics", "run_folder", "machine", "planning", "runs", "terminal")
            for file in (ROOT / room).glob("*.py")
        ),
        *(ROOT / "settings").glob("*.py"),
        *(ROOT / "commands").glob("*.py"),
        *(ROOT / "review").glob("*.py"),
        *(ROOT / "review" / "study").glob("[ac]*.py"),  # with all that analysis, closing and create import
    ]
    if path.stem not in ("__init__", "grams", "models", "prompting")
)


@pytest.mark.parametrize("module", CORE)
def test_core_imports_no_machine_learning_library_and_no_screen(module: str) -> None:
    script = f"import sys, {module}; print(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & (HEAVY | {"textual", "tui"}) == set()


def test_the_help_loads_the_standard_library_only() -> None:
    script = "import sys; from toolkit import cli; cli.build_parser(); print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"pydantic", "yaml", "psutil", "rich", "dataclasses"} & set(done.stdout.split())


def test_listing_runs_loads_no_models_of_documents_nor_what_other_commands_need() -> None:
    script = "import sys, toolkit.commands.runs; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"pydantic", "yaml", "psutil"} & set(done.stdout.split())
