"""The built wheel in fresh environments, outside the checkout: the core works without any machine-learning library, and
with the packages of the CPU set the demo runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.conftest import wait_for
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State

pytestmark = pytest.mark.slow
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("steptune-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh virtual environment with nothing but the wheel and what the core needs."""
    return environment(tmp_path_factory.mktemp("core"), str(wheel))


@pytest.fixture(scope="module")
def with_extras(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has the wheel of its own and all other packages from the environment that runs the tests: they are 7 GB.
    A path file adds their folder and follows none in it, so that steptune is the wheel's.
    """
    folder = environment(tmp_path_factory.mktemp("extras"), "--no-deps", str(wheel))
    site = next((folder / "venv" / "lib").glob("python3*")) / "site-packages"
    (site / "packages.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return folder


def environment(folder: Path, *asked: str) -> Path:
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    subprocess.run([folder / "venv" / "bin" / "pip", "install", "-qq", *asked], check=True)
    return folder


def steptune(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    left_out = ("PYTHONPATH", "VIRTUAL_ENV", "STEPTUNE_RUNS")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    empty = installed / "empty"
    empty.mkdir(exist_ok=True)
    return subprocess.run(
        [installed / "venv" / "bin" / "steptune", *arguments],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_file_that_the_program_reads_is_in_the_wheel(wheel: Path) -> None:
    folders = ("toolkit", "tui", "recipes", "accelerate_configs")
    listed = subprocess.run(["git", "ls-files", *folders], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {name if name.startswith(folders[:2]) else f"toolkit/bundle/{name}" for name in listed.stdout.splitlines()}
    assert sorted(wanted - held) == []
    assert sorted(name for name in held - wanted if ".dist-info/" not in name) == []


@pytest.mark.long
def test_the_demo_runs_from_an_empty_folder_outside_the_checkout(with_extras: Path) -> None:
    for recipe in ("sft", "pipeline"):
        done = steptune(with_extras, "run", recipe, "--preset", "demo", "--on", "cpu", "--dry-run", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        plan = json.loads(done.stdout)
        assert str(with_extras) in plan["argv"][-3], "the recipe is the wheel's"
    doctor = json.loads(steptune(with_extras, "doctor", "--json").stdout)
    assert [found for found in doctor["recipes"] if found["preset"] == "demo" and not found["ok"]] == []
    started = steptune(with_extras, "run", "pipeline", "--preset", "demo", "--on", "cpu", "--detach", "--json")
    run = RunFolder(Path(json.loads(started.stdout)["run_dir"]))
    try:
        assert started.returncode == 0, started.stderr
        assert run.path.parent == with_extras / "empty" / "runs"
        wait_for(lambda: run.stage("data-build").state() is State.FINISHED, 120)
        wait_for(lambda: run.stage("sft").metrics(), 240)  # the wheel's trainer trains
    finally:
        stopped = steptune(with_extras, "stop", run.id)
    assert stopped.returncode == 0, stopped.stderr


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
