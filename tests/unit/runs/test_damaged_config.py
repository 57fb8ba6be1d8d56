"""A config.yaml in a run folder that was damaged, edited or written by another version: one sentence, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit import bundled
from toolkit.cli import main
from toolkit.run_folder.create import create_run
from toolkit.run_folder.folder import RunFolder

DAMAGED = {
    "not YAML": ("data: [", "config.yaml:1: not valid YAML"),
    "a list": ("- 1", "expected options as `name: value` lines"),
    "an option of another version": ("lora_rank: 16", "config.yaml:1: lora_rank: unknown option; did you mean lora_r?"),
    "a value of another version": ("lora_r: many", "config.yaml:1: lora_r: found 'many', must be a whole number"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_recipe_names_what_is_wrong_with_its_config_and_ends_as_a_wrong_config(runs: Path, name: str) -> None:
    text, said = DAMAGED[name]
    run = create_run("sft", text)
    done = _run_recipe(run)
    [ended] = [event for event in run.events() if event.name == "ended"]
    assert (done.returncode, ended.fields["kind"], ended.fields["exit_code"]) == (2, "config", 2)
    assert said in ended.fields["message"]
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_config_that_is_gone_is_named_as_well(runs: Path) -> None:
    run = create_run("sft", "")
    run.config_file.unlink()
    done = _run_recipe(run)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "does not exist" in done.stderr


@pytest.mark.parametrize("text", ["data: [", "- 1", "\x00", "lora_rank: 16"])
def test_commands_show_a_run_with_a_damaged_config(runs: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    run, other = create_run("sft", text), create_run("sft", "lora_r: 8")
    assert main(["show", run.id]) == 0
    assert "config.yaml" in capsys.readouterr().out or text.startswith("lora_rank")
    assert main(["show", run.id, "--json"]) == 0
    assert main(["compare", run.id, other.id]) == 0
    assert main(["doctor"]) == 0


def _run_recipe(run: RunFolder) -> subprocess.CompletedProcess[str]:
    script = bundled.recipes_dir() / "sft" / "run.py"
    environment = {**os.environ, "RANK": "0"}
    return subprocess.run(
        [sys.executable, str(script), "--run-dir", str(run.path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
