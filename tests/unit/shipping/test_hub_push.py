"""Pushing to the hub: the dry run shows what would go, and just that goes, to a stand-in for the hub's API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_stand_in import Hub, serving
from tests.unit.shipping.test_ship_documents import make_manifest, proof_of
from toolkit.errors import UsageError
from toolkit.records import sha256_file, write_json
from toolkit.shipping.hub import plan_push

TOKEN = "hf_of_tests"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    (folder / "proof").mkdir(parents=True)
    (folder / "m.gguf").write_bytes(b"GGUF and weights")
    (folder / "README.md").write_text("card")
    make_manifest(folder)
    prove(folder, True)
    (folder / "proof" / "predictions.jsonl").write_text('{"prompt": "a question of a customer"}\n')
    return folder


def prove(folder: Path, passed: bool) -> None:
    proof = proof_of("ships", passed, passed, passed, passed)
    proof = proof.model_copy(update={"manifest_sha256": sha256_file(folder / "manifest.json")})
    write_json(folder / "proof" / "proof.json", proof.to_json())
    (folder / "proof" / "report.md").write_text("proven")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    folder.mkdir()
    for name in ("train.jsonl", "validation.jsonl", "test.jsonl", "ledger.jsonl", "review.jsonl"):
        (folder / name).write_text('{"prompt": "q"}\n')
    (folder / "card.md").write_text("# Data")
    return folder


def push(source: Path, hub: Hub, *more: str, token: str | None = TOKEN) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: huggingface_hub reads the environment once."""
    environment = {key: value for key, value in os.environ.items() if key not in ("HF_HUB_OFFLINE", "HF_TOKEN")}
    environment |= {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(source.parent / "hf")}
    environment |= {"HF_TOKEN": token} if token else {}
    command = [sys.executable, "-P", "-m", "toolkit.shipping.command", "export", str(source), "--to", "hub"]
    return subprocess.run([*command, *more], env=environment, capture_output=True, text=True, check=False)


def new_hub(tmp_path: Path, **options: object) -> Hub:
    return Hub("x/y", tmp_path, tokens=frozenset({TOKEN}), **options)  # type: ignore[arg-type]


def test_a_dry_run_shows_all_that_would_go_and_sends_nothing(export: Path, tmp_path: Path) -> None:
    with serving(new_hub(tmp_path)) as hub:
        done = push(export, hub, "--repo", "me/tuned", token=None)
    assert done.returncode == 0, done.stderr
    shown = {line.split()[-1] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert shown == {"README.md", "m.gguf", "manifest.json", "proof/proof.json", "proof/report.md"}
    assert "private model repository me/tuned" in done.stdout
    assert "Nothing was sent" in done.stdout
    assert hub.asked == []


def test_just_what_was_shown_is_pushed(export: Path, tmp_path: Path) -> None:
    with serving(new_hub(tmp_path)) as hub:
        done = push(export, hub, "--repo", "me/tuned", "--yes")
    assert done.returncode == 0, done.stderr
    assert hub.made == [{"name": "tuned", "organization": "me", "visibility": "private", "type": "model"}]
    assert set(hub.pushed) == {"README.md", "m.gguf", "manifest.json", "proof/proof.json", "proof/report.md"}
    assert hub.pushed["m.gguf"] == b"GGUF and weights"
    assert json.loads(hub.pushed["manifest.json"])["local"] is None
    assert not any(b"/home/me" in content or b"customer" in content for content in hub.pushed.values())
    assert f"{hub.url}/me/tuned" in done.stdout


def test_a_data_set_goes_with_its_card_and_without_what_was_left_out(dataset: Path, tmp_path: Path) -> None:
    with serving(new_hub(tmp_path)) as hub:
        done = push(dataset, hub, "--repo", "me/rows", "--yes")
    assert done.returncode == 0, done.stderr
    assert hub.made[0]["type"] == "dataset"
    assert set(hub.pushed) == {"README.md", "train.jsonl", "validation.jsonl", "test.jsonl"}


def test_the_hubs_layout_is_taken_where_data_build_wrote_it(dataset: Path) -> None:
    layout = dataset.parent / "export" / "hub"
    (layout / "data").mkdir(parents=True)
    for name in ("README.md", "ledger.jsonl", "data/train.jsonl"):
        (layout / name).write_text("x")
    plan = plan_push(str(dataset), "me/rows")
    assert (plan.type, set(plan.files)) == ("dataset", {"README.md", "data/train.jsonl"})


@pytest.mark.parametrize(
    ("options", "token", "code", "said"),
    [
        ({}, None, 3, "needs a token of the hub"),
        ({}, "hf_unknown", 3, "token has no write access"),
        ({"taken": frozenset({"me/tuned"})}, TOKEN, 2, "me/tuned exists already"),
        ({"loses_uploads": True}, TOKEN, 1, "broke off"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(
    export: Path, tmp_path: Path, options: dict, token: str | None, code: int, said: str
) -> None:
    with serving(new_hub(tmp_path, **options)) as hub:
        done = push(export, hub, "--repo", "me/tuned", "--yes", token=token)
    assert (done.returncode, hub.pushed) == (code, {})
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_what_failed_its_proof_or_was_changed_since_is_not_pushed(export: Path) -> None:
    prove(export, False)
    with pytest.raises(UsageError, match="does not ship"):
        plan_push(str(export), "me/tuned")
    prove(export, True)
    make_manifest(export, margin=0.5)
    with pytest.raises(UsageError, match="is not proven"):
        plan_push(str(export), "me/tuned")


def test_an_adapter_goes_without_paths_of_this_machine(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "README.md").write_text("card")
    (folder / "adapter_model.safetensors").write_bytes(b"x")
    write_json(folder / "adapter_config.json", {"r": 4, "base_model_name_or_path": "/home/me/models/base"})
    write_json(folder / "training.json", {"settings": {"data": "/home/me/data"}})
    plan = plan_push(str(folder), "me/adapter")
    assert set(plan.files) == {"README.md", "adapter_model.safetensors"}
    assert json.loads(plan.written["adapter_config.json"])["base_model_name_or_path"] == "base"
    assert "/home/me" not in json.dumps(plan.written)


@pytest.mark.parametrize("name", ["tuned", "me/", "me/a b", "../x/y"])
def test_a_name_that_is_none_is_refused(export: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no repository's name"):
        plan_push(str(export), name)
