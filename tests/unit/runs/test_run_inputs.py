"""What a run reads is named with its size and hash before it starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolkit import cli, config
from toolkit.planning import inputs
from toolkit.planning.check import Check
from toolkit.planning.inputs import check_inputs
from toolkit.records import sha256_tree


def test_every_path_option_is_named_with_the_hash_of_its_contents(tmp_path: Path) -> None:
    file, folder = tmp_path / "a.jsonl", tmp_path / "data"
    folder.mkdir()
    file.write_text("x" * 1500)
    (folder / "test.jsonl").write_text("{}\n")
    settings = config.resolve("evaluate", None, None, [f"data={folder}", f"predictions={{baseline: {file}}}"])
    assert check_inputs(settings) == [
        Check("predictions.baseline", "ok", f"{file}: 1.5 kB in 1 file, sha256 {sha256_tree(file)[:16]}"),
        Check("data", "ok", f"{folder}: 3 B in 1 file, sha256 {sha256_tree(folder)[:16]}"),
    ]


def test_a_pipeline_reads_its_sources_and_an_interpreter_is_no_data(tmp_path: Path) -> None:
    found = check_inputs(config.resolve("pipeline", "demo"))
    assert [check.name for check in found] == ["sources.0", "sources.1", "sources.2"]
    assert found[0].message.startswith("bundled:sample/howto: ")
    settings = config.resolve("generate", "demo", None, [f"data={tmp_path}", f"generator.python={tmp_path}"])
    assert [check.name for check in check_inputs(settings)] == ["data"]


def test_what_is_too_large_or_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("x" * 100)
    settings = config.resolve("generate", "demo", None, [f"data={file}"])
    monkeypatch.setattr(inputs, "MAX_HASHED_BYTES", 50)
    assert check_inputs(settings) == [Check("data", "ok", f"{file}: 100 B in 1 file, too large to be hashed here")]
    file.unlink()
    file.symlink_to(file)
    assert check_inputs(settings)[0].level == "warning"


def test_the_dry_run_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["run", "data-build", "--preset", "demo", "--dry-run", "--json"])
    checks = json.loads(capsys.readouterr().out)["preflight"]["checks"]
    assert checks[0] == vars(check_inputs(config.resolve("data-build", "demo"))[0])
