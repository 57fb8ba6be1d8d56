"""What belongs to a stage's key: the code that it reaches and the files that this code reads, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
