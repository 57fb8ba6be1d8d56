"""The built wheel in a fresh environment, outside the checkout: the core works without any machine-learning library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh virtual environment with nothing but the wheel and what the core needs."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(CHECKOUT)],
        check=True,
        capture_output=True,
    )
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    wheel = next(folder.glob("steptune-*.whl"))
    subprocess.run([folder / "venv" / "bin" / "pip", "install", "-qq", str(wheel)], check=True)
    return folder


def steptune(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [installed / "venv" / "bin" / "steptune", *arguments],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_recipes_and_presets_are_in_the_wheel(installed: Path) -> None:
    done = steptune(installed, "recipes", "--json")
    assert done.returncode == 0, done.stderr
    assert {recipe["name"]: "demo" in recipe["presets"] for recipe in json.loads(done.stdout)} == dict.fromkeys(
        ("data-build", "sft", "generate", "evaluate", "pipeline", "serve"), True
    )


def test_a_dry_run_shows_the_plan_and_what_is_missing(installed: Path) -> None:
    done = steptune(installed, "run", "sft", "--dry-run", "--json")
    plan = json.loads(done.stdout)
    assert plan["config"]["model"] == "mistralai/Mistral-7B-Instruct-v0.2"
    assert Path(plan["config"]["data"]).is_dir()
    assert plan["argv"][-3].endswith("recipes/sft/run.py")
    assert Path(plan["argv"][-3]).exists()
    packages = next(check for check in plan["preflight"]["checks"] if check["name"] == "packages (train)")
    assert packages["level"] == "refused"
    assert "pip install 'steptune[train]'" in packages["message"]
    assert done.returncode == 3


def test_the_core_has_no_torch(installed: Path) -> None:
    found = subprocess.run(
        [installed / "venv" / "bin" / "python", "-c", "import torch"], capture_output=True, check=False
    )
    assert found.returncode == 1
    assert steptune(installed, "doctor").returncode == 0
