"""Files that other programs read: pre-commit's hooks, workflow and forms of a code host, citation, unit of systemd,
scripts, Dockerfile. Each says what the project is and does.
"""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import toolkit
from scripts import pythons
from tests.command_lines import complaint
from toolkit import catalog

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def read_yaml(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def test_the_hooks_before_a_commit_are_make_check() -> None:
    (repository,) = read_yaml(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"  # nothing is fetched: the versions are those of .venv
    recipe = re.search(r"^check:.*\n\t@(.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert recipe
    wanted = recipe[1].replace("$(BIN)", ".venv/bin").split(" && ")
    assert [hook["entry"] for hook in repository["hooks"]] == wanted
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    assert {hook["pass_filenames"] for hook in repository["hooks"]} == {False}


def test_the_workflow_runs_the_checks_on_each_python_that_the_package_names() -> None:
    workflow = read_yaml(".github/workflows/ci.yml")
    (job,) = workflow["jobs"].values()
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML reads `on` as true, as code hosts know
    assert workflow["permissions"] == {"contents": "read"}
    named = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert job["strategy"]["matrix"]["python"] == named
    assert PROJECT["requires-python"] == f">={named[0]}"
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


@pytest.mark.parametrize("name", ["fault", "wish"])
def test_a_form_for_issues_has_what_code_hosts_ask_for(name: str) -> None:
    form = read_yaml(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert {"name", "description", "body"} <= set(form)
    assert {part["type"] for part in form["body"]} <= {"markdown", "textarea", "input", "dropdown", "checkboxes"}
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(set(ids)) == len(ids) > 0
    for part in form["body"]:
        assert part["attributes"].get("value" if part["type"] == "markdown" else "label")
        for command in re.findall(r"`(steptune [^`]+)`", str(part["attributes"])):
            assert complaint(command) is None


def test_the_template_of_a_change_links_to_what_there_is() -> None:
    text = (ROOT / ".github/pull_request_template.md").read_text("utf-8")
    assert [target for target in re.findall(r"\]\(([^)]+)\)", text) if not (ROOT / ".github" / target).exists()] == []
    assert read_yaml(".github/ISSUE_TEMPLATE/config.yml") == {"blank_issues_enabled": True}


def test_the_citation_says_what_the_package_says() -> None:
    citation = read_yaml("CITATION.cff")
    assert set(citation) >= {"cff-version", "message", "title", "authors"}  # required by the form 1.2.0
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == PROJECT["name"]
    assert citation["version"] == toolkit.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["abstract"] == PROJECT["description"]
    assert [set(author) for author in citation["authors"]] == [{"name"}]


def test_the_unit_of_systemd_starts_a_command_that_there_is() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str
    unit.read_string((ROOT / "examples/systemd/steptune-queue.service").read_text("utf-8"))
    assert unit.sections() == ["Unit", "Service", "Install"]
    service = unit["Service"]
    program, *_ = words = shlex.split(service["ExecStart"])
    assert program == f"{service['WorkingDirectory']}/.venv/bin/steptune"
    assert complaint(shlex.join(words)) is None
    # Without it the runs that the command has started would be killed as soon as it is done.
    assert (service["Type"], service["RemainAfterExit"]) == ("oneshot", "yes")
    assert service["Environment"].startswith("STEPTUNE_RUNS=")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    text = (ROOT / "examples/systemd/steptune-queue.service").read_text("utf-8")
    unit = tmp_path / "steptune-queue.service"
    unit.write_text(text.replace("ExecStart=%h/steptune/.venv/bin/steptune", "ExecStart=/bin/true"), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--user", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("script", [".ci/run", "examples/night.sh", "examples/slurm/several_machines.sh"])
def test_bash_reads_a_script_and_steptune_its_commands(script: str) -> None:
    path = ROOT / script
    checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    lines = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    found = [line[at:] for line in lines if (at := max(line.find("steptune "), line.find("make "))) >= 0]
    commands = [line for line in found if not line.startswith("steptune sweep latest")]
    assert commands
    assert [said for line in commands if (said := complaint(line.strip('"')))] == []


def test_the_job_for_slurm_asks_for_what_the_training_takes() -> None:
    lines = (ROOT / "examples/slurm/several_machines.sh").read_text("utf-8").splitlines()
    given = dict(line.removeprefix("#SBATCH --").split("=", 1) for line in lines if line.startswith("#SBATCH"))
    assert lines[0] == "#!/bin/bash"
    assert given["ntasks-per-node"] == "1"  # accelerate starts the processes of a machine's cards
    assert read_yaml("accelerate_configs/multi_node_zero3.yaml")["num_machines"] == int(given["nodes"])


def test_the_dockerfile_copies_what_there_is_and_runs_what_there_is() -> None:
    text = (ROOT / "examples/docker/Dockerfile").read_text("utf-8")
    assert text.startswith("# Not built by this project")
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    steps = [line.split(maxsplit=1) for line in lines]
    assert {verb for verb, _ in steps} <= {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "ENTRYPOINT", "CMD"}
    copied = [name for verb, rest in steps if verb == "COPY" for name in rest.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert not set(copied) & set(ignored)
    # What the build of the package, its set-up and its start read.
    wanted = {"pyproject.toml", "Makefile", "constraints", "scripts", PROJECT["readme"], *PROJECT["license-files"]}
    assert wanted | {"toolkit", "tui", "recipes", "accelerate_configs"} == set(copied)
    (setup,) = [rest for verb, rest in steps if verb == "RUN" and "make " in rest and "apt-get" not in rest]
    assert complaint(setup.partition(" ")[2]) is None
    entry, command = (yaml.safe_load(rest) for verb, rest in steps if verb in ("ENTRYPOINT", "CMD"))
    assert complaint(shlex.join([*entry, *command])) is None


def test_make_pythons_tries_every_python_and_recipe_that_there_is() -> None:
    workflow = read_yaml(".github/workflows/ci.yml")
    assert pythons.named() == next(iter(workflow["jobs"].values()))["strategy"]["matrix"]["python"]
    assert {line[1] for line in pythons.LINES if line[0] == "recipes"} >= set(catalog.RECIPES)
    assert [said for line in pythons.LINES if (said := complaint(shlex.join(["steptune", *line])))] == []
    assert pythons.find(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert pythons.find("3.2") is None
