"""`steptune compare` of two trainings: their data and base models, and a caution where losses do not compare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolkit.cli import main
from toolkit.records import append_jsonl, write_json
from toolkit.run_folder.create import create_run
from toolkit.run_folder.folder import RunFolder


def training(data: str, lora_r: int) -> RunFolder:
    run = create_run("sft", f"lora_r: {lora_r}\n")
    counts = {"train": {"rows": 20, "labelled_tokens": 900}}
    facts = {
        "base_fingerprint": "b" * 64,
        "dataset_hash": data * 64,
        "prompt_format": "howto",
        "counts": counts,
        "eval_loss_before": 3.5,
        "seconds": 12.0,
    }
    write_json(run.path / "adapter" / "training.json", {**facts, "early_stopped": False})
    append_jsonl(run.path / "metrics.jsonl", {"step": 1, "tokens_per_second": 80.0})
    result = {"state": "finished", "exit_code": 0, "headline": {"eval_loss": 2.5}}
    write_json(run.path / "result.json", {**result, "outputs": {"adapter": {"path": "adapter", "sha256": "0"}}})
    return run


def test_trainings_on_the_same_data_compare(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = training("d", 16), training("d", 64)
    assert main(["compare", first.id, second.id, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["settings"] == {"lora_r": [16, 64]}
    assert document["trainings"]["data"] == ["d" * 12, "d" * 12]
    assert document["trainings"]["tokens/s"] == [80.0, 80.0]
    assert document["caution"] == ""


def test_trainings_on_other_data_are_shown_with_a_caution(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = training("d", 16), training("e", 16)
    assert main(["compare", first.id, second.id]) == 0
    assert (
        "The data differ: their validation losses are of different tokens and do not compare" in capsys.readouterr().out
    )
