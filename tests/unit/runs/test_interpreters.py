"""What doctor says of the interpreters that generate may use."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import yaml

from toolkit.machine.interpreters import generator_interpreters, probe


def test_each_interpreter_says_which_vllm_it_has(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", symlinks=True)
    bare = tmp_path / "bare" / "bin" / "python"
    run = tmp_path / "runs" / "20260101-000000-generate-aaaa"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(yaml.safe_dump({"generator": {"python": str(bare)}}))
    damaged = tmp_path / "runs" / "20260102-000000-generate-bbbb"
    damaged.mkdir()
    (damaged / "config.yaml").write_bytes(b"generator: {python: caf\xe9}\n")
    own, missing, other = generator_interpreters(tmp_path / "runs", [str(tmp_path / "nowhere")])
    assert own["python"] == sys.executable
    assert own["vllm"] is None or own["vllm"].startswith("vllm")
    assert (other["vllm"], other["torch"]) == (None, None)
    assert missing == {"python": str(tmp_path / "nowhere"), "problem": "does not run (FileNotFoundError)"}


def test_program_that_is_no_interpreter_is_said_to_be_none() -> None:
    assert probe("/bin/true")["problem"] == "is no Python interpreter, or a broken one"
