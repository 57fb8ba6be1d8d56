"""`steptune completion`: the script in a real bash, at a terminal, with the keys that a person presses."""

from __future__ import annotations

import argparse
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit import catalog, cli
from toolkit.run_folder.create import create_run

LINE = re.compile(r"^typed: (.*)$", re.MULTILINE)


def script_of(shell: str) -> str:
    command = [sys.executable, "-m", "toolkit.cli", "completion", shell]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "steptune.bash"
    path.write_text(script_of("bash"), encoding="utf-8")
    return path


@pytest.fixture
def complete(script: Path, runs: Path, tmp_path: Path) -> Callable[[str], str]:
    """What stands on the line after the keys; `\\t` in them is the key Tab."""

    def typed(keys: str) -> str:
        reader, terminal = pty.openpty()
        environment = os.environ | {"PS1": "", "TERM": "dumb", "INPUTRC": "/dev/null", "HISTFILE": "/dev/null"}
        bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            stdin=terminal, stdout=terminal, stderr=terminal, env=environment, cwd=tmp_path, start_new_session=True,
        )  # fmt: skip
        os.close(terminal)
        # Ctrl-A goes to the start of the line, so that it is printed and not run.
        os.write(reader, f"source {script}\nsteptune {keys}\x01echo typed: \nexit\n".encode())
        shown = b""
        try:
            while piece := os.read(reader, 65536):
                shown += piece
        except OSError:  # bash has closed the terminal
            pass
        finally:
            os.close(reader)
            bash.wait(10)
        found = LINE.findall(shown.decode().replace("\r", ""))
        assert found, shown
        return found[-1].removeprefix("steptune ").strip()

    return typed


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("doc\t", "doctor"),
        ("run eval\t", "run evaluate"),
        ("run sft --dry\t", "run sft --dry-run"),
        ("run sft --preset qua\t", "run sft --preset quality"),
        ("run generate --preset samp\tmax_ro\t8", "run generate --preset sampling max_rows=8"),
        ("run sft --on multi_g\t", "run sft --on multi_gpu"),
        ("run sft lora_dro\t0.1", "run sft lora_dropout=0.1"),
        ("run sft use_dora=t\t", "run sft use_dora=true"),
        ("run pipeline sft.lora_dro\t0", "run pipeline sft.lora_dropout=0"),
        ("run sft data=data/mi\t", "run sft data=data/mine.jsonl"),
        ("study ver\t", "study verify"),
        ("queue dr\t", "queue drop"),
    ],
)
def test_tab_completes(complete: Callable[[str], str], keys: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.jsonl").touch()
    assert complete(keys) == line


def test_tab_completes_runs_and_the_options_of_their_recipe(complete: Callable[[str], str], runs: Path) -> None:
    run = create_run("sft", "seed: 1\n")
    assert complete(f"show {run.id[:12]}\t") == f"show {run.id}"
    assert complete("logs lat\t") == "logs latest"
    assert complete(f"resume {run.id} lora_dro\t0") == f"resume {run.id} lora_dropout=0"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_every_command_recipe_and_preset_is_in_the_script_and_the_shell_reads_it(shell: str, tmp_path: Path) -> None:
    text = script_of(shell)
    (commands,) = (each for each in cli.build_parser()._actions if isinstance(each, argparse._SubParsersAction))
    assert [name for name in commands.choices if name not in text] == []
    for recipe in catalog.RECIPES.values():
        assert f'[{recipe.name}]="{" ".join(recipe.presets)}"' in text
    path = tmp_path / f"script.{shell}"
    path.write_text(text, encoding="utf-8")
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: its script is made and not read")
    read = subprocess.run([shell, "-n", path], capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")
