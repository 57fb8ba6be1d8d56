"""What belongs to a stage's key: the code that it reaches and the files that this code reads, and nothing else."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.runs import stage_code

ROOT = Path(__file__).parents[3]
STAGES = ("data-build", "sft", "generate", "evaluate")
PROGRAM = """
import json
from toolkit.runs.pipeline import Stage, stage_key
from toolkit.settings import DataBuildSettings, EvaluateSettings, GenerateSettings, SftSettings
settings = {
    "data-build": DataBuildSettings.model_construct(),
    "sft": SftSettings(),
    "generate": GenerateSettings(),
    "evaluate": EvaluateSettings(),
}
print(json.dumps({name: stage_key(Stage(name, given), None) for name, given in settings.items()}))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, to be changed."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("toolkit", "tui", "recipes", "accelerate_configs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def keys(checkout: Path) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(checkout)},
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def before(checkout: Path) -> dict[str, str]:
    return keys(checkout)


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("toolkit/data/pii/names.crfsuite", {"data-build"}),
        ("toolkit/review/rulings.py", {"data-build"}),
        ("toolkit/records.py", set(STAGES)),
        ("toolkit/evaluation/templates/report.html.j2", {"evaluate"}),
        ("toolkit/generation/worker.py", {"generate"}),
        ("toolkit/training/finetune.py", {"sft"}),
        ("recipes/sft/run.py", {"sft"}),
        ("tui/app.py", set()),
        ("toolkit/cli.py", set()),
        ("toolkit/commands/doctor.py", set()),
        ("toolkit/runs/pipeline.py", set()),
        ("recipes/sft/preview.py", set()),
    ],
)
def test_a_key_follows_what_the_stage_reaches(
    checkout: Path, before: dict[str, str], file: str, stages: set[str]
) -> None:
    path = checkout / file
    held = path.read_bytes()
    path.write_bytes(held + b"\n")
    try:
        after = keys(checkout)
    finally:
        path.write_bytes(held)
    assert {name for name in STAGES if after[name] != before[name]} == stages


def parsed_imports(file: Path) -> set[Path]:
    """What Python's parser says that a file imports, statements for type checkers alone left out."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = file.parents[node.level - 1].relative_to(ROOT).parts if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return {path for name in found for path in stage_code._files_of(name)}


def test_imports_found_in_the_text_are_those_that_the_parser_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_code, "_MODULE_AS_TEXT", re.compile("(?!)()"))  # names in texts are no imports
    stage_code._imports.cache_clear()
    files = [*(ROOT / "toolkit").rglob("*.py"), *(ROOT / "recipes").rglob("*.py")]
    differing = {
        str(file): (found, parsed)
        for file in files
        if (found := set(stage_code._imports(file))) != (parsed := parsed_imports(file))
    }
    stage_code._imports.cache_clear()
    assert len(files) > 250
    assert not differing


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("from toolkit import (\n    records,  # files, errors\n    errors,\n)\n", {"records.py", "errors.py"}),
        ("def read():\n    import toolkit.records as kept\n", {"records.py"}),
        ("if TYPE_CHECKING:\n    from toolkit import records\n\nfrom toolkit import errors\n", {"errors.py"}),
        ("if TYPE_CHECKING:\n    from toolkit import records\nelse:\n    from toolkit import errors\n", {"errors.py"}),
        ("# import toolkit.records\nimport torch, toolkit.errors\n", {"errors.py"}),
    ],
)
def test_every_way_to_write_an_import_is_found(tmp_path: Path, text: str, modules: set[str]) -> None:
    file = tmp_path / "program.py"
    file.write_text(text)
    assert {path.name for path in stage_code._imports(file)} - {"__init__.py"} == modules
